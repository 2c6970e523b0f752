//go:build linux

package realtest_test

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/resilgo/resil/examples/retail/internal/realtest"
	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/sqlguard"
)

// open returns the database at url behind a guard.
func open(t *testing.T, url string, cfg sqlguard.Config) (*sql.DB, *resil.System) {
	t.Helper()
	sys, err := resil.New(resil.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Dependency, cfg.Criticality = "db", resil.Critical
	db, err := sqlguard.Open(sys, "pgx", url, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db, sys
}

func exec(t *testing.T, db *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func count(t *testing.T, db *sql.DB, query string, args ...any) int {
	t.Helper()
	var n int
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func breaker(sys *resil.System) resil.BreakerState { return sys.Status().Dependencies[0].Breaker }

// TestSQLGuardOnPostgreSQL guards a real server through pgx, as the fakes of
// package sqlguard cannot: with its protocol, its cancelling and its errors.
func TestSQLGuardOnPostgreSQL(t *testing.T) {
	if testing.Short() {
		t.Skip("starts PostgreSQL")
	}
	url := realtest.Postgres(t)
	t.Run("statements, rows and transactions do what they do unguarded", func(t *testing.T) {
		db, _ := open(t, url, sqlguard.Config{Timeout: resil.Timeout{Attempt: time.Minute}})
		exec(t, db, "CREATE TABLE orders (id int PRIMARY KEY, paid bool NOT NULL)")
		insert, err := db.PrepareContext(t.Context(), "INSERT INTO orders VALUES ($1, $2)")
		if err != nil {
			t.Fatal(err)
		}
		defer insert.Close() //nolint:errcheck // the end of the test
		for id := range 3 {
			if _, err := insert.ExecContext(t.Context(), id, id > 0); err != nil {
				t.Fatal(err)
			}
		}
		if n := count(t, db, "SELECT count(*) FROM orders WHERE paid = $1", true); n != 2 {
			t.Errorf("%d paid orders, want 2", n)
		}
		for _, commit := range []bool{false, true} {
			tx, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelSerializable})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.ExecContext(t.Context(), "DELETE FROM orders"); err != nil {
				t.Fatal(err)
			}
			end, want := tx.Rollback, 3
			if commit {
				end, want = tx.Commit, 0
			}
			if err := end(); err != nil {
				t.Fatal(err)
			}
			if n := count(t, db, "SELECT count(*) FROM orders"); n != want {
				t.Errorf("%d orders after the end (commit: %v), want %d", n, commit, want)
			}
		}
	})
	t.Run("rows outlive the timeout of their query", func(t *testing.T) {
		db, sys := open(t, url, sqlguard.Config{Timeout: resil.Timeout{Attempt: 2 * time.Second}})
		rows, err := db.QueryContext(t.Context(), `SELECT n, repeat('x', 20000), pg_sleep(0.6)::text FROM generate_series(1, 4) n`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close() //nolint:errcheck // closed by its end
		sum := 0
		for rows.Next() {
			var n int
			var wide, void string // wide, so that the server sends each row when it has it
			if err := rows.Scan(&n, &wide, &void); err != nil {
				t.Fatal(err)
			}
			sum += n
		}
		if err := rows.Err(); err != nil || sum != 10 || breaker(sys) != resil.BreakerClosed {
			t.Errorf("sum %d, %v, breaker %v; want 10, nil, closed", sum, err, breaker(sys))
		}
	})
	t.Run("answers of the server are no failures", func(t *testing.T) {
		db, sys := open(t, url, sqlguard.Config{Breaker: &resil.Breaker{Failures: 2}})
		exec(t, db, "CREATE TABLE names (name text PRIMARY KEY)")
		exec(t, db, "INSERT INTO names VALUES ('a')")
		for range 3 {
			var pg *pgconn.PgError
			for _, statement := range []string{"INSERT INTO names VALUES ('a')", "SELECT nonsense", "SELECT 1/0"} {
				if _, err := db.ExecContext(t.Context(), statement); !errors.As(err, &pg) {
					t.Fatalf("%s: %v, want the server's own error", statement, err)
				}
			}
		}
		if s := breaker(sys); s != resil.BreakerClosed {
			t.Errorf("breaker %v, want closed", s)
		}
	})
	t.Run("at Minimal what was begun is committed, and nothing else written", func(t *testing.T) {
		db, sys := open(t, url, sqlguard.Config{})
		exec(t, db, "CREATE TABLE stock (id int)")
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.ExecContext(t.Context(), "INSERT INTO stock VALUES (1)"); err != nil {
			t.Fatal(err)
		}
		if err := sys.Force(resil.Minimal, time.Hour, "test"); err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), "INSERT INTO stock VALUES (2)"); !errors.Is(err, resil.ErrShed) {
			t.Errorf("a write at Minimal: %v, want ErrShed", err)
		}
		if err := tx.Commit(); err != nil {
			t.Error(err)
		}
		if n := count(t, db, "SELECT count(*) FROM stock"); n != 1 {
			t.Errorf("%d rows, want the one that was committed", n)
		}
	})
}

// sleepers counts the statements that sleep on the server.
const sleepers = `SELECT count(*) FROM pg_stat_activity
	WHERE state = 'active' AND query LIKE 'SELECT pg_sleep(3600)%' AND pid <> pg_backend_pid()`

// TestSQLGuardEndsSlowStatements ends a statement by its caller and by its
// timeout: each returns, means what it should to the breaker, and ends on the
// server too.
func TestSQLGuardEndsSlowStatements(t *testing.T) {
	if testing.Short() {
		t.Skip("starts PostgreSQL")
	}
	url := realtest.Postgres(t)
	witness, _ := open(t, url, sqlguard.Config{})
	gone := func(t *testing.T) {
		t.Helper()
		for ends := time.Now().Add(30 * time.Second); count(t, witness, sleepers) > 0; {
			if time.Now().After(ends) {
				t.Fatal("the statement still runs on the server")
			}
		}
	}
	t.Run("cancelled by the caller", func(t *testing.T) {
		db, sys := open(t, url, sqlguard.Config{Breaker: &resil.Breaker{Failures: 1}})
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, err := db.ExecContext(ctx, "SELECT pg_sleep(3600)")
			left <- err
		}()
		for count(t, witness, sleepers) == 0 { // until it runs
		}
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want context.Canceled", err)
		}
		if s := breaker(sys); s != resil.BreakerClosed {
			t.Errorf("breaker %v, want closed: the caller left", s)
		}
		gone(t)
	})
	t.Run("out of time", func(t *testing.T) {
		// The connection is there before the statement: the first has a minute.
		db, sys := open(t, url, sqlguard.Config{
			Breaker: &resil.Breaker{Failures: 1}, Timeout: resil.Timeout{Attempt: 2 * time.Second},
		})
		if _, err := db.ExecContext(t.Context(), "SELECT pg_sleep(3600)"); !errors.Is(err, resil.ErrTimeout) {
			t.Errorf("%v, want ErrTimeout", err)
		}
		if s := breaker(sys); s != resil.BreakerOpen {
			t.Errorf("breaker %v, want open", s)
		}
		gone(t)
	})
}

// TestSQLGuardLosesTheServerAndFindsItAgain cuts the wire.
func TestSQLGuardLosesTheServerAndFindsItAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("starts PostgreSQL")
	}
	proxies := realtest.NewToxiproxy(t)
	db, sys := open(t, proxies.Front("postgres", realtest.Postgres(t)), sqlguard.Config{
		Breaker: &resil.Breaker{Failures: 3, Open: 100 * time.Millisecond, Good: 1, Probes: 1},
		Timeout: resil.Timeout{Attempt: 5 * time.Second},
	})
	exec(t, db, "CREATE TABLE jobs (id int)")
	ask := func() error {
		_, err := db.ExecContext(t.Context(), "INSERT INTO jobs VALUES (1)")
		return err
	}
	proxies.Refuse("postgres")
	failures := 0
	for breaker(sys) != resil.BreakerOpen {
		if err := ask(); err == nil {
			t.Fatal("a write went through a wire that is cut")
		}
		if failures++; failures > 20 {
			t.Fatal("the breaker never opens")
		}
	}
	if sys.Level() != resil.Minimal {
		t.Errorf("level %v without the database, want minimal", sys.Level())
	}
	if err := db.PingContext(t.Context()); !errors.Is(err, resil.ErrRejected) {
		t.Errorf("%v while the breaker is open, want a rejection", err)
	}
	proxies.Accept("postgres")
	for ends := time.Now().Add(30 * time.Second); breaker(sys) != resil.BreakerClosed; {
		if time.Now().After(ends) {
			t.Fatalf("the breaker is still %v, and the last ping says %v", breaker(sys), db.PingContext(t.Context()))
		}
		_ = db.PingContext(t.Context()) // refused until the open period is over, then the probe
	}
	if n := count(t, db, "SELECT count(*) FROM jobs"); n != 0 {
		t.Errorf("%d rows that nobody was told of", n)
	}
}
