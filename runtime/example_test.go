package resil_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// silent keeps the examples' output free of log lines.
var silent = resil.Config{Logger: slog.New(slog.DiscardHandler)}

func Example() {
	sys, err := resil.New(silent)
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	if err := sys.Start(ctx); err != nil {
		panic(err)
	}
	defer sys.Close(ctx) //nolint:errcheck // the program ends

	mail := sys.Dependency("mail", resil.High, resil.Breaker{Failures: 2, Open: time.Minute})
	send := func(context.Context) (string, error) { return "", errors.New("connection refused") }
	for range 3 {
		_, err := resil.Do(ctx, mail, send)
		fmt.Println(err)
	}
	fmt.Println(sys.Level())
	// Output:
	// mail.do: connection refused
	// mail.do: connection refused
	// mail.do: circuit breaker is open
	// limited
}

func ExampleDo() {
	sys, _ := resil.New(silent)
	d := sys.Dependency("catalog", resil.Read, resil.Retry{Attempts: 3, Base: time.Millisecond, Max: time.Millisecond})
	calls := 0
	v, err := resil.Do(context.Background(), d, func(context.Context) (string, error) {
		if calls++; calls < 3 {
			return "", errors.New("unlucky")
		}
		return "a book", nil
	})
	fmt.Println(v, err, calls)
	// Output: a book <nil> 3
}

func ExampleDoWith() {
	sys, _ := resil.New(silent)
	prices := sys.Dependency("prices", resil.Fallback{Strategy: resil.StrategyCall, Name: "cost plus 30 %"})
	ctx, out := resil.WithOutcome(context.Background())
	v, err := resil.DoWith(ctx, prices,
		func(context.Context) (int, error) { return 0, errors.New("model overloaded") },
		resil.With[int]{Fallback: func(context.Context, int, error) (int, error) { return 130, nil }})
	fmt.Println(v, err, out.Degraded())
	// Output: 130 <nil> true
}

func ExampleDoHedged() {
	sys, _ := resil.New(silent)
	d := sys.Dependency("replica", resil.Read, resil.Hedge{After: time.Millisecond})
	var calls atomic.Int32 // arms run on goroutines of their own
	v, err := resil.DoHedged(context.Background(), d, func(ctx context.Context) (string, error) {
		if calls.Add(1) == 1 {
			<-ctx.Done() // the first replica hangs until it is cancelled
			return "", ctx.Err()
		}
		return "from the second replica", nil
	})
	fmt.Println(v, err)
	// Output: from the second replica <nil>
}

// What resilgen writes for a method.
func ExampleCall() {
	sys, _ := resil.New(silent)
	guard := sys.Guard(resil.GuardSpec{Dependency: "db", Interface: "shop.Store", Position: "store.go:7", Criticality: resil.Critical})
	get := guard.Method(resil.MethodSpec{Name: "Get", Kind: resil.Read})
	v, err := resil.Call(context.Background(), get, func(context.Context) (string, error) { return "a book", nil })
	fmt.Println(v, err)
	// Output: a book <nil>
}

func ExampleCallWith() {
	sys, _ := resil.New(silent)
	guard := sys.Guard(resil.GuardSpec{Dependency: "db", Interface: "shop.Store", Position: "store.go:7"})
	get := guard.Method(resil.MethodSpec{Name: "Get", Kind: resil.Read, Fallbacks: []resil.Fallback{{Strategy: resil.StrategyStale, TTL: time.Hour}}})
	find := func(sku string, fail error) (string, error) {
		return resil.CallWith(context.Background(), get,
			func(context.Context) (string, error) { return "a book", fail },
			resil.With[string]{Key: func() any { return sku }})
	}
	_, _ = find("1", nil)
	fmt.Println(find("1", errors.New("database is down")))
	_, err := find("2", errors.New("database is down"))
	fmt.Println(err)
	// Output:
	// a book <nil>
	// db.Get: database is down
}

func ExampleCallHedged() {
	sys, _ := resil.New(silent)
	guard := sys.Guard(resil.GuardSpec{Dependency: "search", Interface: "shop.Search", Position: "search.go:7"})
	find := guard.Method(resil.MethodSpec{Name: "Find", Kind: resil.Read, Hedge: &resil.Hedge{After: time.Second}})
	fmt.Println(resil.CallHedged(context.Background(), find, func(context.Context) (int, error) { return 42, nil }))
	// Output: 42 <nil>
}

func ExampleCallStream() {
	sys, _ := resil.New(silent)
	guard := sys.Guard(resil.GuardSpec{Dependency: "files", Interface: "shop.Files", Position: "files.go:7"})
	open := guard.Method(resil.MethodSpec{Name: "Open", Kind: resil.Read, Streams: true, Timeout: resil.Timeout{Attempt: time.Second}})
	var attempt context.Context
	body, err := resil.CallStream(context.Background(), open, func(ctx context.Context) (io.ReadCloser, error) {
		attempt = ctx
		return io.NopCloser(strings.NewReader("content")), nil
	}, resil.TieReadCloser)
	if err != nil {
		panic(err)
	}
	fmt.Println("open:", attempt.Err())
	content, _ := io.ReadAll(body)
	fmt.Println(string(content))
	fmt.Println("read:", attempt.Err())
	// Output:
	// open: <nil>
	// content
	// read: context canceled
}

func ExampleExplain() {
	sys, _ := resil.New(silent)
	d := sys.Dependency("mail", resil.Rate{N: 1, Per: time.Hour})
	for range 2 {
		_, err := resil.Do(context.Background(), d, func(context.Context) (string, error) { return "sent", nil })
		if ex, ok := resil.Explain(err); ok {
			fmt.Println(ex.Dependency, ex.Outcome, ex.Policy, ex.Attempts, errors.Is(err, resil.ErrRejected))
		}
	}
	// Output: mail rate rate 0 true
}

func ExampleSystem_Force() {
	sys, _ := resil.New(silent)
	workers := sys.Knob("workers", [5]float64{16, 12, 8, 4, 1})
	fmt.Println(sys.Level(), workers.Value())
	if err := sys.Force(resil.Minimal, time.Hour, "database migration"); err != nil {
		panic(err)
	}
	fmt.Println(sys.Level(), workers.Value())
	sys.Unforce()
	fmt.Println(sys.Level(), workers.Value())
	// Output:
	// optimal 16
	// minimal 4
	// optimal 16
}

func ExampleSystem_Reload() {
	sys, _ := resil.New(silent)
	sys.Dependency("db", resil.Breaker{Failures: 5})
	err := sys.Reload(resil.Overrides{Dependencies: map[string]resil.DependencyOverride{
		"db": {Breaker: &resil.Breaker{Failures: 3}},
	}})
	fmt.Println(err, sys.Status().Dependencies[0].Limits.Breaker.Failures)
	err = sys.Reload(resil.Overrides{Dependencies: map[string]resil.DependencyOverride{
		"db": {Breaker: &resil.Breaker{Ratio: 2}},
	}})
	fmt.Println(err != nil, sys.Status().Dependencies[0].Limits.Breaker.Failures)
	// Output:
	// <nil> 3
	// true 3
}

func ExampleSystem_OnLevel() {
	sys, _ := resil.New(silent)
	ctx := context.Background()
	heard := make(chan resil.Transition, 1)
	stop := sys.OnLevel(func(t resil.Transition) { heard <- t })
	defer stop()
	cache := sys.Dependency("redis", resil.Medium, resil.Breaker{Failures: 1})
	_, _ = resil.Do(ctx, cache, func(context.Context) (string, error) { return "", errors.New("connection refused") })
	t := <-heard
	fmt.Println(t.From, "to", t.To, "because of", t.Reason)
	// Output: optimal to degraded because of redis down
}

func ExampleLastOf() {
	type streams struct{ out, errs io.ReadCloser }
	tie := func(s streams, cancel context.CancelFunc) streams {
		cancel = resil.LastOf(2, cancel) // the call's context lives until both have ended
		return streams{resil.TieReadCloser(s.out, cancel), resil.TieReadCloser(s.errs, cancel)}
	}
	s := tie(streams{io.NopCloser(strings.NewReader("done")), io.NopCloser(strings.NewReader(""))}, func() { fmt.Println("over") })
	_ = s.errs.Close() // a reader of a string
	text, err := io.ReadAll(s.out)
	fmt.Println(string(text), err)
	// Output:
	// over
	// done <nil>
}
