// Package sqlguard guards a database below database/sql, where there is no
// interface to generate a decorator for:
//
//	connector, err := pq.NewConnector(dsn)
//	db := sql.OpenDB(sqlguard.New(sys, connector, sqlguard.Config{
//		Dependency: "db", Criticality: resil.Critical,
//		Timeout: resil.Timeout{Attempt: 2 * time.Second},
//	}))
//
// [Open] does the same from a driver's name and a data source.
//
// What goes to the server is guarded: connect, ping, prepare, begin, query,
// exec, commit. Rollback and Close are not: cleaning up must work when nothing
// else does. A statement that writes is shed at Minimal; Commit is called at
// every level, for what it ends was let in. The attempt timeout bounds a query
// until its first rows are there; the rows, and a transaction, then live on the
// caller's context.
//
// A server that answers with an error is up: a unique violation, a syntax
// error, a deadlock are no failures of the database; lost connections, no
// memory, too many clients, a shutdown are. The table is in verdict.go, by
// SQLSTATE (PostgreSQL and others), MySQL error number and SQLite result code.
//
// Nothing is retried here: database/sql itself repeats on a broken connection,
// and whether more may be repeated only the code above knows.
package sqlguard
