package tracing_test

import (
	"context"
	"fmt"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/tracing"
)

func ExampleNew() {
	provider := &recorder{} // sdktrace.NewTracerProvider(…), or nil for the global one
	sys, err := resil.New(resil.Config{}, tracing.New(provider, tracing.Database("db", "postgresql", "shop")))
	if err != nil {
		fmt.Println(err)
		return
	}
	db := sys.Dependency("db", resil.Read)
	_, err = resil.Do(context.Background(), db, func(context.Context) (int, error) { return 1, nil })
	fmt.Println(len(provider.spans), "span,", err)
	// Output: 1 span, <nil>
}
