package sqlguard_test

import (
	"context"
	"database/sql/driver"
	"io"
	"reflect"
	"sync"
	"time"
)

// fake is a database whose driver has all that drivers can have, or, if old,
// what they had in Go 1.0. It records what reaches it.
type fake struct {
	old bool
	mu  sync.Mutex
	log []string
	err func(op string) error

	contexts map[string]context.Context // of the last call, by operation
}

func (f *fake) do(ctx context.Context, op string) error {
	f.mu.Lock()
	f.log = append(f.log, op)
	if f.contexts == nil {
		f.contexts = map[string]context.Context{}
	}
	f.contexts[op] = ctx
	fail := f.err
	f.mu.Unlock()
	if fail != nil {
		return fail(op)
	}
	return nil
}

func (f *fake) calls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	log := f.log
	f.log = nil
	return log
}

func (f *fake) context(op string) context.Context {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.contexts[op]
}

func (f *fake) fails(err func(op string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *fake) Connect(ctx context.Context) (driver.Conn, error) {
	if err := f.do(ctx, "connect"); err != nil {
		return nil, err
	}
	if f.old {
		return &oldConn{f}, nil
	}
	return &fullConn{oldConn{f}}, nil
}

func (f *fake) Driver() driver.Driver            { return f }
func (f *fake) Open(string) (driver.Conn, error) { return f.Connect(context.Background()) }
func (f *fake) Close() error                     { return f.do(context.Background(), "close connector") }

type oldConn struct{ *fake }

func (c *oldConn) Prepare(q string) (driver.Stmt, error) {
	if err := c.do(context.Background(), "prepare "+q); err != nil {
		return nil, err
	}
	return &oldStmt{c.fake, q}, nil
}
func (c *oldConn) Close() error { return nil }
func (c *oldConn) Begin() (driver.Tx, error) {
	return &fakeTx{c.fake}, c.do(context.Background(), "begin")
}

type fakeTx struct{ *fake }

func (t *fakeTx) Commit() error   { return t.do(context.Background(), "commit") }
func (t *fakeTx) Rollback() error { return t.do(context.Background(), "rollback") }

type oldStmt struct {
	*fake
	query string
}

func (s *oldStmt) Close() error  { return nil }
func (s *oldStmt) NumInput() int { return -1 }
func (s *oldStmt) Exec([]driver.Value) (driver.Result, error) {
	return driver.RowsAffected(1), s.do(context.Background(), "exec "+s.query)
}

func (s *oldStmt) Query([]driver.Value) (driver.Rows, error) {
	return &oldRows{f: s.fake}, s.do(context.Background(), "query "+s.query)
}

type oldRows struct {
	f *fake
	n int
}

func (r *oldRows) Columns() []string { return []string{"n"} }
func (r *oldRows) Close() error      { return nil }
func (r *oldRows) Next(dest []driver.Value) error {
	if r.n++; r.n > 3 {
		return io.EOF
	}
	dest[0] = int64(r.n)
	return nil
}

type fullConn struct{ oldConn }

func (c *fullConn) Ping(ctx context.Context) error { return c.do(ctx, "ping") }
func (c *fullConn) PrepareContext(ctx context.Context, q string) (driver.Stmt, error) {
	if err := c.do(ctx, "prepare "+q); err != nil {
		return nil, err
	}
	return &fullStmt{oldStmt{c.fake, q}}, nil
}

func (c *fullConn) ExecContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(len(args)), c.do(ctx, "exec "+q)
}

func (c *fullConn) QueryContext(ctx context.Context, q string, _ []driver.NamedValue) (driver.Rows, error) {
	if err := c.do(ctx, "query "+q); err != nil {
		return nil, err
	}
	return &fullRows{oldRows: oldRows{f: c.fake}}, nil
}

func (c *fullConn) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	if err := c.do(ctx, "begin"); err != nil {
		return nil, err
	}
	return &fakeTx{c.fake}, nil
}

func (c *fullConn) ResetSession(ctx context.Context) error { return c.do(ctx, "reset") }
func (c *fullConn) IsValid() bool                          { return true }
func (c *fullConn) CheckNamedValue(v *driver.NamedValue) error {
	if d, ok := v.Value.(time.Duration); ok {
		v.Value = d.String()
		return nil
	}
	return driver.ErrSkip
}

type fullStmt struct{ oldStmt }

func (s *fullStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(len(args)), s.do(ctx, "exec "+s.query)
}

func (s *fullStmt) QueryContext(ctx context.Context, _ []driver.NamedValue) (driver.Rows, error) {
	return &fullRows{oldRows: oldRows{f: s.fake}}, s.do(ctx, "query "+s.query)
}

type fullRows struct {
	oldRows
	set int
}

func (r *fullRows) HasNextResultSet() bool { return r.set == 0 }
func (r *fullRows) NextResultSet() error {
	if r.set++; r.set > 1 {
		return io.EOF
	}
	r.n = 0
	return nil
}
func (r *fullRows) ColumnTypeDatabaseTypeName(int) string              { return "INT8" }
func (r *fullRows) ColumnTypeLength(int) (int64, bool)                 { return 8, true }
func (r *fullRows) ColumnTypeNullable(int) (nullable, ok bool)         { return true, true }
func (r *fullRows) ColumnTypePrecisionScale(int) (p, s int64, ok bool) { return 7, 2, true }
func (r *fullRows) ColumnTypeScanType(int) reflect.Type                { return reflect.TypeFor[int64]() }
