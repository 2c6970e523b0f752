package standin

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"net"
	"net/url"
	"syscall"
	"time"

	"modernc.org/sqlite"
)

// starting bounds what a stand-in does before it is there.
const starting = 10 * time.Second

// Database opens a SQLite file, made when missing, that obeys the returned
// server's Switch as if a network lay between.
//
//resil:guarded the ping opens a local file
func Database(path string) (*sql.DB, *Server, error) {
	query := url.Values{
		"_pragma": {"journal_mode(WAL)", "busy_timeout(5000)", "foreign_keys(1)", "synchronous(NORMAL)"},
		"_txlock": {"immediate"},
	}
	dsn := (&url.URL{Scheme: "file", Opaque: url.PathEscape(path), RawQuery: query.Encode()}).String()
	sw := newSwitch()
	db := sql.OpenDB(faultyConnector{dsn: dsn, sw: sw})
	ctx, cancel := context.WithTimeout(context.Background(), starting)
	defer cancel()
	if err := db.PingContext(ctx); err != nil {
		return nil, nil, fmt.Errorf("SQLite file %s: %w", path, err)
	}
	return db, &Server{URL: "sqlite:" + path, Switch: sw}, nil
}

// faultyConnector opens connections to a SQLite file that obey sw.
type faultyConnector struct {
	dsn string
	sw  *Switch
}

func (c faultyConnector) Driver() driver.Driver { return &sqlite.Driver{} }

func (c faultyConnector) Connect(ctx context.Context) (driver.Conn, error) {
	if err := gate(ctx, c.sw); err != nil {
		return nil, err
	}
	conn, err := c.Driver().Open(c.dsn)
	if err != nil {
		return nil, err
	}
	full, ok := conn.(sqliteConn)
	if !ok {
		return nil, fmt.Errorf("SQLite connections (%T) lost a method that database/sql uses", conn)
	}
	return &faultyConn{sqliteConn: full, sw: c.sw}, nil
}

// sqliteConn is what database/sql looks for in SQLite's connections.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// faultyConn asks its switch before each statement. A commit passes: what the
// server has heard it carries out.
type faultyConn struct {
	sqliteConn
	sw *Switch
}

func (c *faultyConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if err := gate(ctx, c.sw); err != nil {
		return nil, err
	}
	return c.sqliteConn.BeginTx(ctx, opts)
}

func (c *faultyConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if err := gate(ctx, c.sw); err != nil {
		return nil, err
	}
	return c.sqliteConn.PrepareContext(ctx, query)
}

func (c *faultyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := gate(ctx, c.sw); err != nil {
		return nil, err
	}
	return c.sqliteConn.ExecContext(ctx, query, args)
}

func (c *faultyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := gate(ctx, c.sw); err != nil {
		return nil, err
	}
	return c.sqliteConn.QueryContext(ctx, query, args)
}

func (c *faultyConn) Ping(ctx context.Context) error {
	if err := gate(ctx, c.sw); err != nil {
		return err
	}
	return c.sqliteConn.Ping(ctx)
}

// gate waits while the database hangs and fails while it refuses.
func gate(ctx context.Context, sw *Switch) error {
	f, err := sw.pass(ctx)
	if err != nil {
		return err
	}
	if f == Refuse {
		return &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	return nil
}
