package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/chaos"
)

func Example() {
	faults, err := chaos.New(chaos.Config{Seed: 1, Logger: slog.New(slog.DiscardHandler)},
		chaos.Fault{Kind: chaos.Error, Dependency: "db", Err: errors.New("connection reset")})
	if err != nil {
		fmt.Println(err)
		return
	}
	sys, err := resil.New(resil.Config{}, resil.WithInjector(faults))
	if err != nil {
		fmt.Println(err)
		return
	}
	db := sys.Dependency("db", resil.Read)
	get := func() error {
		_, err := resil.Do(context.Background(), db, func(context.Context) (int, error) { return 1, nil })
		return err
	}
	fmt.Println(get())
	if err := faults.Enable(sys, time.Minute, "game day"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(get())
	faults.Disable("seen enough")
	fmt.Println(get())
	// Output:
	// <nil>
	// db.do: injected: connection reset
	// <nil>
}
