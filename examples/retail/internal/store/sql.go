package store

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/resilgo/resil/examples/retail/internal/retail"
)

// SQL is the Store in a PostgreSQL or SQLite database; all statements are
// written in what the two have in common. It is safe for concurrent use.
type SQL struct {
	db *sql.DB

	// migrating holds a token while the schema is made; ready is set after.
	migrating chan struct{}
	ready     atomic.Bool
}

// MaxConnections is how many connections the service opens at best; the level
// of degradation may allow fewer, see [SQL.SetMaxConnections].
const MaxConnections = 32

// OpenPostgres returns a Store in the PostgreSQL database at a postgres:// URL.
// It dials nothing.
func OpenPostgres(url string) (*SQL, error) {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return nil, err
	}
	return NewSQL(db), nil
}

// NewSQL returns a Store in db. The tables are made on first use, so that the
// service starts while the database is down.
func NewSQL(db *sql.DB) *SQL {
	db.SetMaxOpenConns(MaxConnections)
	db.SetMaxIdleConns(MaxConnections)
	return &SQL{db: db, migrating: make(chan struct{}, 1)}
}

// SetMaxConnections bounds the open connections to share of [MaxConnections],
// at least one.
func (s *SQL) SetMaxConnections(share float64) {
	s.db.SetMaxOpenConns(max(1, int(share*MaxConnections)))
}

// Ping checks the connection.
func (s *SQL) Ping(ctx context.Context) error { return s.db.PingContext(ctx) }

// Close releases the connections.
func (s *SQL) Close() error { return s.db.Close() }

// schema is run statement by statement; each may run again.
var schema = []string{
	`CREATE TABLE IF NOT EXISTS items (
		sku         TEXT PRIMARY KEY,
		name        TEXT NOT NULL,
		description TEXT NOT NULL,
		cost        BIGINT NOT NULL,
		price       BIGINT NOT NULL
	)`,
	`CREATE TABLE IF NOT EXISTS stock (
		sku     TEXT PRIMARY KEY REFERENCES items (sku),
		on_hand BIGINT NOT NULL CHECK (on_hand >= 0)
	)`,
	`CREATE TABLE IF NOT EXISTS sales (
		id       TEXT PRIMARY KEY,
		sku      TEXT NOT NULL REFERENCES items (sku),
		quantity BIGINT NOT NULL,
		total    BIGINT NOT NULL,
		at       BIGINT NOT NULL -- microseconds since 1970
	)`,
	`CREATE INDEX IF NOT EXISTS sales_at ON sales (at, id)`,
}

// migrate makes the tables unless it has been done.
func (s *SQL) migrate(ctx context.Context) error {
	if s.ready.Load() {
		return nil
	}
	select {
	case s.migrating <- struct{}{}:
		defer func() { <-s.migrating }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if s.ready.Load() {
		return nil
	}
	for _, statement := range schema {
		if _, err := s.db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	s.ready.Store(true)
	return nil
}

// Item returns the item with this SKU, or retail.ErrNotFound.
func (s *SQL) Item(ctx context.Context, sku string) (retail.Item, error) {
	if err := s.migrate(ctx); err != nil {
		return retail.Item{}, err
	}
	row := s.db.QueryRowContext(ctx, `SELECT sku, name, description, cost, price FROM items WHERE sku = $1`, sku)
	item, err := scanItem(row)
	return item, orNotFound(err)
}

// Items returns up to limit items with SKUs after the given one, sorted.
func (s *SQL) Items(ctx context.Context, after string, limit int) ([]retail.Item, error) {
	return queryAll(ctx, s, scanItem,
		`SELECT sku, name, description, cost, price FROM items WHERE sku > $1 ORDER BY sku LIMIT $2`, after, limit)
}

// Stock returns how many of an item are on hand, or retail.ErrNotFound.
func (s *SQL) Stock(ctx context.Context, sku string) (retail.Stock, error) {
	if err := s.migrate(ctx); err != nil {
		return retail.Stock{}, err
	}
	stock := retail.Stock{SKU: sku}
	err := s.db.QueryRowContext(ctx, `SELECT on_hand FROM stock WHERE sku = $1`, sku).Scan(&stock.OnHand)
	return stock, orNotFound(err)
}

// Sale returns the sale with this id, or retail.ErrNotFound.
func (s *SQL) Sale(ctx context.Context, id string) (retail.Sale, error) {
	if err := s.migrate(ctx); err != nil {
		return retail.Sale{}, err
	}
	return findSale(ctx, s.db, id)
}

// Sales returns up to limit sales that follow the one with id after, the
// oldest first.
func (s *SQL) Sales(ctx context.Context, after string, limit int) ([]retail.Sale, error) {
	if after == "" {
		return queryAll(ctx, s, scanSale,
			`SELECT id, sku, quantity, total, at FROM sales ORDER BY at, id LIMIT $1`, limit)
	}
	return queryAll(ctx, s, scanSale,
		`SELECT id, sku, quantity, total, at FROM sales
		WHERE (at, id) > (SELECT at, id FROM sales WHERE id = $1) ORDER BY at, id LIMIT $2`, after, limit)
}

// AddItem adds an item with nothing on hand, or returns retail.ErrExists.
func (s *SQL) AddItem(ctx context.Context, item retail.Item) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		added, err := affected(tx.ExecContext(ctx,
			`INSERT INTO items (sku, name, description, cost, price) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (sku) DO NOTHING`,
			item.SKU, item.Name, item.Description, int64(item.Cost), int64(item.Price)))
		if err != nil {
			return err
		}
		if !added {
			return retail.ErrExists
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO stock (sku, on_hand) VALUES ($1, 0)`, item.SKU)
		return err
	})
}

// Receive adds a delivery to an item's stock.
func (s *SQL) Receive(ctx context.Context, sku string, quantity int) (retail.Stock, error) {
	if err := s.migrate(ctx); err != nil {
		return retail.Stock{}, err
	}
	stock := retail.Stock{SKU: sku}
	err := s.db.QueryRowContext(ctx,
		`UPDATE stock SET on_hand = on_hand + $2 WHERE sku = $1 RETURNING on_hand`, sku, quantity).Scan(&stock.OnHand)
	return stock, orNotFound(err)
}

// Sell carries out an order: all of it, once, or nothing.
func (s *SQL) Sell(ctx context.Context, order retail.Order) (retail.Sale, error) {
	sale := retail.Sale{ID: order.ID, SKU: order.SKU, Quantity: order.Quantity, At: time.Now().UTC().Truncate(time.Microsecond)}
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx,
			`INSERT INTO sales (id, sku, quantity, total, at)
			SELECT CAST($1 AS TEXT), sku, CAST($3 AS BIGINT), price * CAST($3 AS BIGINT), CAST($4 AS BIGINT)
			FROM items WHERE sku = $2
			ON CONFLICT (id) DO NOTHING RETURNING total`,
			order.ID, order.SKU, order.Quantity, sale.At.UnixMicro()).Scan(&sale.Total)
		if errors.Is(err, sql.ErrNoRows) { // sold before, or no such item
			sale, err = findSale(ctx, tx, order.ID)
			if err == nil && (sale.SKU != order.SKU || sale.Quantity != order.Quantity) {
				return retail.ErrConflict
			}
			return err
		}
		if err != nil {
			return err
		}
		taken, err := affected(tx.ExecContext(ctx,
			`UPDATE stock SET on_hand = on_hand - $2 WHERE sku = $1 AND on_hand >= $2`, order.SKU, order.Quantity))
		if err != nil {
			return err
		}
		if !taken {
			return retail.ErrOutOfStock
		}
		return nil
	})
	if err != nil {
		return retail.Sale{}, err
	}
	return sale, nil
}

// inTx runs do in a transaction: committed when do returns nil, else undone.
func (s *SQL) inTx(ctx context.Context, do func(*sql.Tx) error) (err error) {
	if err := s.migrate(ctx); err != nil {
		return err
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			// What matters is err: a transaction that cannot be rolled back
			// dies with its connection.
			_ = tx.Rollback()
		}
	}()
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// row is a *sql.Row or the current row of a *sql.Rows.
type row interface {
	Scan(dest ...any) error
}

func scanItem(r row) (item retail.Item, err error) {
	err = r.Scan(&item.SKU, &item.Name, &item.Description, &item.Cost, &item.Price)
	return item, err
}

func scanSale(r row) (sale retail.Sale, err error) {
	var at int64
	err = r.Scan(&sale.ID, &sale.SKU, &sale.Quantity, &sale.Total, &at)
	sale.At = time.UnixMicro(at).UTC()
	return sale, err
}

// queryRower is a *sql.DB or a *sql.Tx.
type queryRower interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func findSale(ctx context.Context, q queryRower, id string) (retail.Sale, error) {
	sale, err := scanSale(q.QueryRowContext(ctx, `SELECT id, sku, quantity, total, at FROM sales WHERE id = $1`, id))
	return sale, orNotFound(err)
}

// queryAll returns all rows of a query.
func queryAll[T any](ctx context.Context, s *SQL, scan func(row) (T, error), query string, args ...any) (all []T, err error) {
	if err := s.migrate(ctx); err != nil {
		return nil, err
	}
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// orNotFound turns "no rows" into the shop's word for it.
func orNotFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return retail.ErrNotFound
	}
	return err
}

// affected reports whether a statement changed any row.
func affected(result sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}
