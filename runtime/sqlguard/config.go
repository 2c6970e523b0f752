package sqlguard

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"

	resil "github.com/resilgo/resil/runtime"
)

// Config names the dependency and its policies. Zero fields, but Dependency,
// mean what a guard that states nothing means.
type Config struct {
	Dependency  string // mandatory
	Criticality resil.Criticality
	Down        resil.Level // the level while the database is down
	Breaker     *resil.Breaker
	Bulkhead    *resil.Bulkhead
	Rate        *resil.Rate
	Timeout     resil.Timeout // of each statement; Attempt only
	// Kind tells whether a statement reads or writes. nil = by its first word,
	// and for WITH by whether a writing word follows.
	Kind func(query string) resil.Kind
	// Answer reports whether an error says that the server is up. It is asked
	// before the table of this package; both may say so. nil = the table alone.
	Answer func(error) bool
}

// guards are the guarded operations of one database.
type guards struct {
	connect, ping, prepare, begin, commit *resil.Method
	query, exec                           [3]*resil.Method // by resil.Kind
	kind                                  func(string) resil.Kind
}

func newGuards(sys *resil.System, cfg Config) *guards {
	g := sys.Guard(resil.GuardSpec{
		Dependency: cfg.Dependency, Interface: "sqlguard.Connector", Position: "sqlguard",
		Criticality: cfg.Criticality, Down: cfg.Down, Breaker: cfg.Breaker, Bulkhead: cfg.Bulkhead, Rate: cfg.Rate,
	})
	// Statements that write have an interface of their own: a service that does
	// nothing else probes with them while its database is down.
	writes := sys.Guard(resil.GuardSpec{Dependency: cfg.Dependency, Interface: "sqlguard.Connector writes", Position: "sqlguard"})
	ignore := isAnswer
	if cfg.Answer != nil {
		ignore = func(err error) bool { return cfg.Answer(err) || isAnswer(err) }
	}
	method := func(name string, kind resil.Kind, streams, essential bool) *resil.Method {
		g := g
		if kind == resil.Write {
			g = writes
		}
		return g.Method(resil.MethodSpec{
			Name: name, Kind: kind, Timeout: resil.Timeout{Attempt: cfg.Timeout.Attempt}, Ignore: ignore,
			Streams: streams, Essential: essential, Levels: resil.DefaultActions(kind, essential, nil),
		})
	}
	kind := cfg.Kind
	if kind == nil {
		kind = kindOf
	}
	return &guards{
		// Without these no other statement gets anywhere, so what the level
		// forbids is decided there.
		connect: method("connect", resil.Unmarked, false, true),
		ping:    method("ping", resil.Read, false, true),
		prepare: method("prepare", resil.Unmarked, false, false),
		begin:   method("begin", resil.Unmarked, true, false),
		commit: g.Method(resil.MethodSpec{
			Name: "commit", NoContext: true, Essential: true, Ignore: ignore,
			Levels: resil.DefaultActions(resil.Unmarked, true, nil),
		}),
		query: [3]*resil.Method{
			resil.Unmarked: method("query_unmarked", resil.Unmarked, true, false),
			resil.Read:     method("query", resil.Read, true, false),
			resil.Write:    method("query_write", resil.Write, true, false),
		},
		exec: [3]*resil.Method{
			resil.Unmarked: method("exec_unmarked", resil.Unmarked, false, false),
			resil.Read:     method("exec_read", resil.Read, false, false),
			resil.Write:    method("exec", resil.Write, false, false),
		},
		kind: kind,
	}
}

// of returns the method for a statement.
func (g *guards) of(methods *[3]*resil.Method, query string) *resil.Method {
	k := g.kind(query)
	if int(k) >= len(methods) {
		k = resil.Unmarked
	}
	return methods[k]
}

// New returns a connector that guards next. A guard that contradicts another
// of the same dependency is an error from Start, and a panic after it.
func New(sys *resil.System, next driver.Connector, cfg Config) driver.Connector {
	return &connector{next: next, guards: newGuards(sys, cfg)}
}

// Open opens a database with the driver registered under the given name,
// guarded. Like sql.Open it may check its arguments only and not connect.
func Open(sys *resil.System, driverName, dataSource string, cfg Config) (*sql.DB, error) {
	db, err := sql.Open(driverName, dataSource)
	if err != nil {
		return nil, err
	}
	d := db.Driver()
	if err := db.Close(); err != nil { // it had not connected
		return nil, fmt.Errorf("close the unguarded database: %w", err)
	}
	var next driver.Connector = &dsnConnector{d, dataSource}
	if dc, ok := d.(driver.DriverContext); ok {
		if next, err = dc.OpenConnector(dataSource); err != nil {
			return nil, err
		}
	}
	return sql.OpenDB(New(sys, next, cfg)), nil
}

// dsnConnector is a driver without connectors, as database/sql has it too.
type dsnConnector struct {
	driver driver.Driver
	dsn    string
}

func (c *dsnConnector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }
func (c *dsnConnector) Driver() driver.Driver                        { return c.driver }
