package sqlguard

import (
	"context"
	"database/sql/driver"

	resil "github.com/resilgo/resil/runtime"
)

// stmt guards one prepared statement.
type stmt struct {
	next  driver.Stmt
	conn  *conn
	query *resil.Method
	exec  *resil.Method
}

var _ interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
	driver.NamedValueChecker
} = (*stmt)(nil)

// convertingStmt is a stmt whose driver converts arguments itself. The others
// must not seem to: database/sql then converts less.
type convertingStmt struct {
	*stmt
	driver.ColumnConverter
}

func newStmt(c *conn, next driver.Stmt, query string) driver.Stmt {
	s := &stmt{next: next, conn: c, query: c.guards.of(&c.guards.query, query), exec: c.guards.of(&c.guards.exec, query)}
	if cc, ok := next.(driver.ColumnConverter); ok { //nolint:staticcheck // database/sql still asks for it
		return &convertingStmt{s, cc}
	}
	return s
}

func (s *stmt) Close() error  { return s.next.Close() }
func (s *stmt) NumInput() int { return s.next.NumInput() }

// Exec implements driver.Stmt; database/sql calls ExecContext.
func (s *stmt) Exec(args []driver.Value) (driver.Result, error) {
	return s.ExecContext(context.Background(), named(args))
}

// Query implements driver.Stmt; database/sql calls QueryContext.
func (s *stmt) Query(args []driver.Value) (driver.Rows, error) {
	return s.QueryContext(context.Background(), named(args))
}

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return resil.Call(ctx, s.exec, func(ctx context.Context) (driver.Result, error) {
		if e, ok := s.next.(driver.StmtExecContext); ok {
			return e.ExecContext(ctx, args)
		}
		values, err := plain(ctx, args)
		if err != nil {
			return nil, err
		}
		return s.next.Exec(values) //nolint:staticcheck // all that the driver has
	})
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return resil.CallStream(ctx, s.query, func(ctx context.Context) (driver.Rows, error) {
		if q, ok := s.next.(driver.StmtQueryContext); ok {
			return q.QueryContext(ctx, args)
		}
		values, err := plain(ctx, args)
		if err != nil {
			return nil, err
		}
		return s.next.Query(values) //nolint:staticcheck // all that the driver has
	}, tieRows)
}

// CheckNamedValue asks the statement, then the connection, as database/sql does.
func (s *stmt) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := s.next.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return s.conn.CheckNamedValue(v)
}

func named(args []driver.Value) []driver.NamedValue {
	values := make([]driver.NamedValue, len(args))
	for i, v := range args {
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return values
}

// plain is what database/sql makes of arguments for drivers without contexts.
func plain(ctx context.Context, args []driver.NamedValue) ([]driver.Value, error) {
	values := make([]driver.Value, len(args))
	for i, a := range args {
		if a.Name != "" {
			return nil, unsupported("sql: driver does not support the use of Named Parameters")
		}
		values[i] = a.Value
	}
	return values, ctx.Err()
}
