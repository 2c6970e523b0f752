package sqlguard_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/sqlguard"
)

func open(t *testing.T, f *fake, cfg sqlguard.Config) (*sql.DB, *resil.System) {
	t.Helper()
	sys, err := resil.New(resil.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Dependency = "db"
	db := sql.OpenDB(sqlguard.New(sys, f, cfg))
	t.Cleanup(func() { _ = db.Close() })
	return db, sys
}

func TestEverythingWorksThroughTheGuard(t *testing.T) {
	for _, old := range []bool{false, true} {
		t.Run(fmt.Sprint("driver without contexts: ", old), func(t *testing.T) {
			f := &fake{old: old}
			db, sys := open(t, f, sqlguard.Config{Timeout: resil.Timeout{Attempt: time.Minute}})
			ctx := t.Context()
			if err := db.PingContext(ctx); err != nil {
				t.Error(err)
			}
			if _, err := db.ExecContext(ctx, "INSERT", 1, "x"); err != nil {
				t.Error(err)
			}
			rows, err := db.QueryContext(ctx, "SELECT", 1)
			if err != nil {
				t.Fatal(err)
			}
			sum := 0
			for rows.Next() {
				var n int
				if err := rows.Scan(&n); err != nil {
					t.Error(err)
				}
				sum += n
			}
			if sum != 6 || rows.NextResultSet() == old || rows.Close() != nil || rows.Err() != nil {
				t.Errorf("sum %d, %v", sum, rows.Err())
			}
			stmt, err := db.PrepareContext(ctx, "SELECT 2")
			if err != nil {
				t.Fatal(err)
			}
			var n int
			if err := stmt.QueryRowContext(ctx, 5).Scan(&n); err != nil || n != 1 {
				t.Errorf("%d, %v", n, err)
			}
			if _, err := stmt.ExecContext(ctx, 5); err != nil {
				t.Error(err)
			}
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.ExecContext(ctx, "UPDATE"); err != nil {
				t.Error(err)
			}
			if err := tx.Commit(); err != nil {
				t.Error(err)
			}
			tx, err = db.BeginTx(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := tx.Rollback(); err != nil {
				t.Error(err)
			}
			_, err = db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
			if old && (err == nil || err.Error() != "sql: driver does not support read-only transactions") {
				t.Errorf("read-only: %v", err)
			}
			if _, err := db.ExecContext(ctx, "INSERT", sql.Named("a", 1)); old && (err == nil || err.Error() != "sql: driver does not support the use of Named Parameters") {
				t.Errorf("named: %v", err)
			}
			if d := sys.Status().Dependencies[0]; d.Breaker != resil.BreakerClosed || !d.Up {
				t.Errorf("status %+v", d)
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
			if calls := f.calls(); calls[len(calls)-1] != "close connector" {
				t.Errorf("the connector was not closed: %q", calls)
			}
		})
	}
}

func TestColumnTypesAndArgumentsAreTheDrivers(t *testing.T) {
	for _, old := range []bool{false, true} {
		f := &fake{old: old}
		db, _ := open(t, f, sqlguard.Config{})
		plain := sql.OpenDB(&fake{old: old})
		defer plain.Close() //nolint:errcheck // a test's database
		describe := func(db *sql.DB) string {
			rows, err := db.QueryContext(t.Context(), "SELECT")
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close() //nolint:errcheck // a test's rows
			types, err := rows.ColumnTypes()
			if err != nil {
				t.Fatal(err)
			}
			c := types[0]
			length, hasLength := c.Length()
			nullable, hasNullable := c.Nullable()
			p, s, hasDecimal := c.DecimalSize()
			_, argErr := db.ExecContext(t.Context(), "INSERT", 3*time.Second)
			_, badErr := db.ExecContext(t.Context(), "INSERT", struct{}{})
			return fmt.Sprint(c.DatabaseTypeName(), length, hasLength, nullable, hasNullable, p, s, hasDecimal, c.ScanType(), argErr, badErr, rows.NextResultSet(), rows.NextResultSet())
		}
		if got, want := describe(db), describe(plain); got != want {
			t.Errorf("old %v: through the guard\n%s\nwithout\n%s", old, got, want)
		}
	}
}

// sqlState is a PostgreSQL error as pgx and lib/pq have it.
type sqlState string

func (s sqlState) Error() string    { return "state " + string(s) }
func (s sqlState) SQLState() string { return string(s) }

// MySQLError is as go-sql-driver/mysql has it.
type MySQLError struct {
	Number  uint16
	Message string
}

func (e *MySQLError) Error() string { return e.Message }

func TestVerdicts(t *testing.T) {
	for _, tc := range []struct {
		err     error
		failure bool
	}{
		{sqlState("23505"), false}, // unique violation
		{sqlState("42601"), false}, // syntax error
		{sqlState("40001"), false}, // serialization failure
		{sqlState("40P01"), false}, // deadlock
		{sqlState("22P02"), false}, // invalid text
		{sqlState("08006"), true},  // connection failure
		{sqlState("53300"), true},  // too many connections
		{sqlState("57014"), true},  // statement timeout
		{sqlState("57P01"), true},  // shutdown
		{sqlState("XX001"), true},  // data corrupted
		{sqlState(""), true},
		{fmt.Errorf("wrapped: %w", sqlState("23505")), false},
		{&MySQLError{Number: 1062}, false}, // duplicate entry
		{&MySQLError{Number: 1213}, false}, // deadlock
		{&MySQLError{Number: 1040}, true},  // too many connections
		{errors.New("reset"), true},
		{io.ErrUnexpectedEOF, true},
	} {
		t.Run(fmt.Sprintf("%T %v", tc.err, tc.err), func(t *testing.T) {
			f := &fake{}
			db, sys := open(t, f, sqlguard.Config{Breaker: &resil.Breaker{Failures: 2}})
			if err := db.PingContext(t.Context()); err != nil {
				t.Fatal(err)
			}
			f.fails(func(string) error { return tc.err })
			for range 2 {
				_, err := db.ExecContext(t.Context(), "INSERT")
				if !errors.Is(err, tc.err) {
					t.Fatalf("error %v, want the driver's", err)
				}
				var guarded *resil.Error
				if errors.As(err, &guarded) != tc.failure {
					t.Errorf("error %T, want it wrapped: %v", err, tc.failure)
				}
			}
			if open := sys.Status().Dependencies[0].Breaker == resil.BreakerOpen; open != tc.failure {
				t.Errorf("breaker open: %v, want %v", open, tc.failure)
			}
		})
	}
}

func TestAnswersOfYourOwn(t *testing.T) {
	own := errors.New("own")
	f := &fake{}
	db, sys := open(t, f, sqlguard.Config{Breaker: &resil.Breaker{Failures: 1}, Answer: func(err error) bool { return errors.Is(err, own) }})
	f.fails(func(op string) error {
		if op == "exec INSERT" {
			return own
		}
		return nil
	})
	if _, err := db.ExecContext(t.Context(), "INSERT"); err != own { //nolint:errorlint // unwrapped is the point
		t.Error(err)
	}
	if sys.Status().Dependencies[0].Breaker != resil.BreakerClosed {
		t.Error("an answer opened the breaker")
	}
}

func TestBrokenConnectionsAreReplacedByDatabaseSQL(t *testing.T) {
	f := &fake{}
	db, _ := open(t, f, sqlguard.Config{})
	if err := db.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.calls()
	bad := true
	f.fails(func(op string) error {
		if op == "query SELECT" && bad {
			bad = false
			return driver.ErrBadConn
		}
		return nil
	})
	rows, err := db.QueryContext(t.Context(), "SELECT")
	if err != nil {
		t.Fatal(err)
	}
	_ = rows.Close()
	if calls := f.calls(); !slices.Equal(calls, []string{"reset", "query SELECT", "connect", "query SELECT"}) {
		t.Errorf("calls %q", calls)
	}
}

func TestOpenBreakerKeepsCallsAway(t *testing.T) {
	f := &fake{}
	db, sys := open(t, f, sqlguard.Config{})
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := sys.Dependency("db").Force(true, time.Minute, "test"); err != nil {
		t.Fatal(err)
	}
	f.calls()
	if _, err := tx.ExecContext(t.Context(), "INSERT"); !errors.Is(err, resil.ErrOpen) {
		t.Errorf("exec: %v", err)
	}
	if _, err := db.QueryContext(t.Context(), "SELECT"); !errors.Is(err, resil.ErrOpen) {
		t.Errorf("query: %v", err)
	}
	if _, err := db.BeginTx(t.Context(), nil); !errors.Is(err, resil.ErrOpen) {
		t.Errorf("begin: %v", err)
	}
	if err := db.PingContext(t.Context()); !errors.Is(err, resil.ErrOpen) {
		t.Errorf("ping: %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Errorf("Rollback with an open breaker: %v", err)
	}
	if calls := f.calls(); !slices.Equal(calls, []string{"rollback"}) {
		t.Errorf("calls %q, want the rollback only", calls)
	}
}

func TestLevelsDecideByReadOrWrite(t *testing.T) {
	for _, tc := range []struct {
		query string
		shed  resil.Level // the first level at which it is
	}{
		{"SELECT 1", resil.Emergency},
		{" -- note\n/* x */ (select 1)", resil.Emergency},
		{"WITH x AS (SELECT 1) SELECT * FROM x", resil.Emergency},
		{"WITH x AS (SELECT 1) INSERT INTO y SELECT * FROM x", resil.Minimal},
		{"WITH x AS (DELETE FROM y RETURNING *) SELECT * FROM x", resil.Minimal},
		{"INSERT INTO x VALUES (1) RETURNING id", resil.Minimal},
		{"update x set y = 1", resil.Minimal},
		{"CREATE TABLE x", resil.Minimal},
		{"CALL x()", resil.Minimal},
		{"", resil.Minimal},
		{"SAVEPOINT a", resil.Emergency},
	} {
		for _, level := range resil.Levels() {
			f := &fake{}
			db, sys := open(t, f, sqlguard.Config{})
			if err := sys.Force(level, time.Minute, "test"); err != nil {
				t.Fatal(err)
			}
			rows, err := db.QueryContext(t.Context(), tc.query)
			if err == nil {
				_ = rows.Close()
			}
			if shed := errors.Is(err, resil.ErrShed); shed != (level >= tc.shed) {
				t.Errorf("query %q at %s: %v", tc.query, level, err)
			}
			_, err = db.ExecContext(t.Context(), tc.query)
			if shed := errors.Is(err, resil.ErrShed); shed != (level >= tc.shed) {
				t.Errorf("exec %q at %s: %v", tc.query, level, err)
			}
		}
	}
}

func TestCommitIsCalledAtEveryLevel(t *testing.T) {
	f := &fake{}
	db, sys := open(t, f, sqlguard.Config{})
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := sys.Force(resil.Emergency, time.Minute, "test"); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Errorf("Commit: %v", err)
	}
	if err := db.PingContext(t.Context()); err != nil {
		t.Errorf("Ping: %v", err)
	}
}

func TestTimeoutBoundsTheCallAndNotTheRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		db, _ := open(t, f, sqlguard.Config{Timeout: resil.Timeout{Attempt: time.Second}, Breaker: &resil.Breaker{Failures: 100}})
		rows, err := db.QueryContext(t.Context(), "SELECT")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if err := f.context("query SELECT").Err(); err != nil {
			t.Errorf("the rows' context ended: %v", err)
		}
		_ = rows.Close()
		if f.context("query SELECT").Err() == nil {
			t.Error("the query's context outlives its rows")
		}
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if err := f.context("begin").Err(); err != nil {
			t.Errorf("the transaction's context ended: %v", err)
		}
		if err := tx.Commit(); err != nil {
			t.Error(err)
		}
		if f.context("begin").Err() == nil {
			t.Error("Begin's context outlives the transaction")
		}
		f.fails(func(op string) error {
			if op == "exec INSERT" {
				<-f.context(op).Done()
				return f.context(op).Err()
			}
			return nil
		})
		begin := time.Now()
		_, err = db.ExecContext(t.Context(), "INSERT")
		if !errors.Is(err, resil.ErrTimeout) || time.Since(begin) != time.Second {
			t.Errorf("%v after %s, want ErrTimeout after 1s", err, time.Since(begin))
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestUnwrapReachesTheDriversConnection(t *testing.T) {
	f := &fake{}
	db, _ := open(t, f, sqlguard.Config{})
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // a test's connection
	if err := c.Raw(func(raw any) error {
		if _, ok := sqlguard.Unwrap(raw).(*fullConn); !ok {
			return fmt.Errorf("raw connection is a %T", sqlguard.Unwrap(raw))
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if got := sqlguard.Unwrap(7); got != 7 {
		t.Errorf("Unwrap(7) = %v", got)
	}
}

func TestOpenByDriverName(t *testing.T) {
	f := &fake{}
	sql.Register("sqlguard-fake", f)
	sys, err := resil.New(resil.Config{})
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlguard.Open(sys, "sqlguard-fake", "dsn", sqlguard.Config{Dependency: "db"})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // a test's database
	if err := db.PingContext(context.Background()); err != nil {
		t.Error(err)
	}
	if _, err := sqlguard.Open(sys, "nosuch", "", sqlguard.Config{Dependency: "db"}); err == nil {
		t.Error("opened with an unknown driver")
	}
}
