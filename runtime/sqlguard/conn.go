package sqlguard

import (
	"context"
	"database/sql/driver"
	"io"

	resil "github.com/resilgo/resil/runtime"
)

// connector guards connecting, and all that goes over its connections.
type connector struct {
	next   driver.Connector
	guards *guards
}

// Connect implements driver.Connector.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	next, err := resil.Call(ctx, c.guards.connect, c.next.Connect)
	if err != nil {
		return nil, err
	}
	return &conn{next: next, guards: c.guards}, nil
}

// Driver implements driver.Connector.
func (c *connector) Driver() driver.Driver { return c.next.Driver() }

// Close implements io.Closer for sql.DB.
func (c *connector) Close() error {
	if closer, ok := c.next.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

// conn guards one connection. What a driver does not offer is answered as
// database/sql answers for it.
type conn struct {
	next   driver.Conn
	guards *guards
}

var _ interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.NamedValueChecker
	driver.Pinger
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
} = (*conn)(nil)

// Unwrap returns the driver's connection under one of this package, for
// sql.Conn.Raw; any other comes back as it is. What goes over it is not guarded.
func Unwrap(driverConn any) any {
	if c, ok := driverConn.(*conn); ok {
		return c.next
	}
	return driverConn
}

func (c *conn) Close() error { return c.next.Close() }

func (c *conn) Ping(ctx context.Context) error {
	p, ok := c.next.(driver.Pinger)
	if !ok {
		return nil
	}
	_, err := resil.Call(ctx, c.guards.ping, func(ctx context.Context) (struct{}, error) { return struct{}{}, p.Ping(ctx) })
	return err
}

func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	next, err := resil.Call(ctx, c.guards.prepare, func(ctx context.Context) (driver.Stmt, error) {
		if p, ok := c.next.(driver.ConnPrepareContext); ok {
			return p.PrepareContext(ctx, query)
		}
		s, err := c.next.Prepare(query)
		if err == nil && ctx.Err() != nil {
			_ = s.Close()
			return nil, ctx.Err()
		}
		return s, err
	})
	if err != nil {
		return nil, err
	}
	return newStmt(c, next, query), nil
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	e, ok := c.next.(driver.ExecerContext)
	if !ok {
		return nil, driver.ErrSkip // database/sql then prepares
	}
	return resil.Call(ctx, c.guards.of(&c.guards.exec, query), func(ctx context.Context) (driver.Result, error) {
		return e.ExecContext(ctx, query, args)
	})
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	q, ok := c.next.(driver.QueryerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	return resil.CallStream(ctx, c.guards.of(&c.guards.query, query), func(ctx context.Context) (driver.Rows, error) {
		return q.QueryContext(ctx, query, args)
	}, tieRows)
}

// Begin implements driver.Conn; database/sql calls BeginTx.
func (c *conn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	next, err := resil.CallStream(ctx, c.guards.begin, func(ctx context.Context) (driver.Tx, error) {
		if b, ok := c.next.(driver.ConnBeginTx); ok {
			return b.BeginTx(ctx, opts)
		}
		switch {
		case opts.Isolation != 0:
			return nil, unsupported("sql: driver does not support non-default isolation level")
		case opts.ReadOnly:
			return nil, unsupported("sql: driver does not support read-only transactions")
		}
		next, err := c.next.Begin() //nolint:staticcheck // all that the driver has
		if err == nil && ctx.Err() != nil {
			_ = next.Rollback()
			return nil, ctx.Err()
		}
		return next, err
	}, tieTx)
	if err != nil {
		return nil, err
	}
	return &tx{next: next, guards: c.guards}, nil
}

// unsupported is what database/sql says when a driver cannot do what was asked:
// no failure of the server. It reports a SQLSTATE of class 0A, "feature not
// supported".
type unsupported string

func (u unsupported) Error() string    { return string(u) }
func (u unsupported) SQLState() string { return "0A000" }

func (c *conn) ResetSession(ctx context.Context) error {
	if r, ok := c.next.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}

func (c *conn) IsValid() bool {
	if v, ok := c.next.(driver.Validator); ok {
		return v.IsValid()
	}
	return true
}

func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := c.next.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// tx guards Commit.
type tx struct {
	next   driver.Tx
	guards *guards
}

func (t *tx) Commit() error {
	_, err := resil.Call(context.Background(), t.guards.commit, func(context.Context) (struct{}, error) {
		return struct{}{}, t.next.Commit()
	})
	return err
}

func (t *tx) Rollback() error { return t.next.Rollback() }

// tieTx ends a transaction's context with it: some drivers watch the context
// of Begin until then.
func tieTx(t driver.Tx, cancel context.CancelFunc) driver.Tx { return &tiedTx{t, cancel} }

type tiedTx struct {
	driver.Tx
	cancel context.CancelFunc
}

func (t *tiedTx) Commit() error {
	defer t.cancel()
	return t.Tx.Commit()
}

func (t *tiedTx) Rollback() error {
	defer t.cancel()
	return t.Tx.Rollback()
}
