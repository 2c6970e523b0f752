package sqlguard_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/sqlguard"
)

func ExampleNew() {
	sys, err := resil.New(resil.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	connector := &fake{} // pq.NewConnector, mysql.NewConnector, stdlib.GetConnector, …
	db := sql.OpenDB(sqlguard.New(sys, connector, sqlguard.Config{
		Dependency: "db", Criticality: resil.Critical,
		Timeout: resil.Timeout{Attempt: 2 * time.Second},
	}))
	defer db.Close() //nolint:errcheck // an example's database

	// At Minimal the service reads and does not write.
	if err := sys.Force(resil.Minimal, time.Minute, "drill"); err != nil {
		fmt.Println(err)
	}
	var n int
	fmt.Println(db.QueryRowContext(context.Background(), "SELECT 1").Scan(&n), n)
	_, err = db.ExecContext(context.Background(), "UPDATE orders SET paid = true")
	fmt.Println(errors.Is(err, resil.ErrShed))
	// Output:
	// <nil> 1
	// true
}

func ExampleOpen() {
	sql.Register("example", &fake{}) // pgx, mysql and the like do so when they are imported
	sys, err := resil.New(resil.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	db, err := sqlguard.Open(sys, "example", "", sqlguard.Config{Dependency: "db", Criticality: resil.Critical})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close() //nolint:errcheck // an example's database
	fmt.Println(db.PingContext(context.Background()))
	// Output: <nil>
}
