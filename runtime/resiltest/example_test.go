package resiltest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/resiltest"
)

func ExampleFake() {
	sys, err := resil.New(resil.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println(err)
		return
	}
	prices := sys.Dependency("prices", resil.Read, resil.Breaker{Failures: 2})
	fake := new(resiltest.Fake)
	fake.Always(resiltest.Fail(nil))
	for range 3 {
		_, err := resil.Do(context.Background(), prices, fake.Call)
		fmt.Println(errors.Is(err, resil.ErrOpen))
	}
	// Output:
	// false
	// false
	// true
}
