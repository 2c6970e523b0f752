package calls

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"time"

	"github.com/afex/hystrix-go/hystrix"
	sentinel "github.com/alibaba/sentinel-golang/api"
	sentinelbreaker "github.com/alibaba/sentinel-golang/core/circuitbreaker"
	sentinelconfig "github.com/alibaba/sentinel-golang/core/config"
	"github.com/alibaba/sentinel-golang/logging"
	resiliency "github.com/eapache/go-resiliency/breaker"
	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	failsafebreaker "github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/fallback"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/failsafe-go/failsafe-go/timeout"
	mercari "github.com/mercari/go-circuitbreaker"
	"github.com/sony/gobreaker/v2"
	"golang.org/x/sync/semaphore"
)

// getFunc makes a Getter of a function.
type getFunc func(ctx context.Context, key int) (int, error)

func (f getFunc) Get(ctx context.Context, key int) (int, error) { return f(ctx, key) }

// of makes a variant of a guard that needs nothing released.
func of(get func() Getter) func() (Loop, func(), error) {
	return func() (Loop, func(), error) { return loop(get()), func() {}, nil }
}

func bare() []Variant {
	return []Variant{
		{Name: Reference, Group: Baseline, Allocs: -1, Make: of(byGobreaker)},
		{Name: "no guard", Group: Baseline, Allocs: -1, Make: of(func() Getter { return &client{} })},
	}
}

func peers() []Variant {
	return []Variant{
		{Name: "everything by hand: gobreaker, timeout, semaphore, retry, fallback", Group: Peers, Allocs: -1, Make: of(byHand)},
		{Name: "failsafe-go: breaker", Group: Peers, Allocs: -1, Make: of(failsafeBreaker)},
		{Name: "failsafe-go: everything", Group: Peers, Allocs: -1, Make: of(failsafeAll)},
		{Name: "sentinel-golang: breaker", Group: Peers, Allocs: -1, Make: sentinelCalls},
		{Name: "hystrix-go", Group: Peers, Allocs: -1, Make: hystrixCalls},
		{Name: "go-resiliency: breaker", Group: Peers, Allocs: -1, Make: of(resiliencyBreaker)},
		{Name: "mercari/go-circuitbreaker", Group: Peers, Allocs: -1, Make: of(mercariBreaker)},
		{Name: "gobreaker, open", Group: Rejected, Allocs: -1, Make: gobreakerOpen},
		{Name: "failsafe-go, open", Group: Rejected, Allocs: -1, Make: failsafeOpen},
	}
}

func newGobreaker() *gobreaker.CircuitBreaker[int] {
	return gobreaker.NewCircuitBreaker[int](gobreaker.Settings{
		Timeout:     time.Hour,
		ReadyToTrip: func(counts gobreaker.Counts) bool { return counts.ConsecutiveFailures >= 5 },
	})
}

func byGobreaker() Getter {
	next, breaker := Getter(&client{}), newGobreaker()
	return getFunc(func(ctx context.Context, key int) (int, error) {
		return breaker.Execute(func() (int, error) { return next.Get(ctx, key) })
	})
}

// byHand is what a careful team writes without a library for the whole.
func byHand() Getter {
	next, breaker, permits := Getter(&client{}), newGobreaker(), semaphore.NewWeighted(64)
	attempt := func(ctx context.Context, key int) (int, error) {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		if err := permits.Acquire(ctx, 1); err != nil {
			return 0, err
		}
		defer permits.Release(1)
		return next.Get(ctx, key)
	}
	return getFunc(func(ctx context.Context, key int) (int, error) {
		var err error
		for try := range 3 {
			var answer int
			answer, err = breaker.Execute(func() (int, error) { return attempt(ctx, key) })
			if err == nil {
				return answer, nil
			}
			if errors.Is(err, gobreaker.ErrOpenState) || try == 2 {
				break
			}
			select {
			case <-time.After(50 * time.Millisecond << try):
			case <-ctx.Done():
			}
		}
		return standIn(ctx, key)
	})
}

func newFailsafeBreaker() failsafebreaker.CircuitBreaker[int] {
	return failsafebreaker.NewBuilder[int]().WithFailureThreshold(5).WithDelay(time.Hour).Build()
}

func failsafeGetter(executor failsafe.Executor[int], next Getter) Getter {
	return getFunc(func(ctx context.Context, key int) (int, error) {
		return executor.WithContext(ctx).GetWithExecution(func(exec failsafe.Execution[int]) (int, error) {
			return next.Get(exec.Context(), key)
		})
	})
}

func failsafeBreaker() Getter {
	return failsafeGetter(failsafe.With[int](newFailsafeBreaker()), &client{})
}

func failsafeAll() Getter {
	return failsafeGetter(failsafe.With[int](
		fallback.NewWithResult(0),
		retrypolicy.NewBuilder[int]().WithMaxRetries(2).WithBackoff(50*time.Millisecond, 2*time.Second).Build(),
		newFailsafeBreaker(),
		timeout.New[int](2*time.Second),
		bulkhead.New[int](64),
	), &client{})
}

func failsafeOpen() (Loop, func(), error) {
	breaker := newFailsafeBreaker()
	breaker.Open()
	return rejectedLoop(failsafeGetter(failsafe.With[int](breaker), &client{}), failsafebreaker.ErrOpen), func() {}, nil
}

func gobreakerOpen() (Loop, func(), error) {
	next, breaker := Getter(&client{err: errDown}), newGobreaker()
	get := getFunc(func(ctx context.Context, key int) (int, error) {
		return breaker.Execute(func() (int, error) { return next.Get(ctx, key) })
	})
	for range 5 {
		if _, err := get(context.Background(), 0); !errors.Is(err, errDown) {
			return nil, nil, fmt.Errorf("tripping the breaker: %w", err)
		}
	}
	return rejectedLoop(get, gobreaker.ErrOpenState), func() {}, nil
}

func sentinelCalls() (Loop, func(), error) {
	conf := sentinelconfig.NewDefaultConfig()
	conf.Sentinel.Log.Logger = logging.NewConsoleLogger()
	conf.Sentinel.Log.Metric.FlushIntervalSec = 0 // keeps no files
	logging.ResetGlobalLoggerLevel(logging.ErrorLevel)
	if err := sentinel.InitWithConfig(conf); err != nil {
		return nil, nil, err
	}
	const resource = "get"
	_, err := sentinelbreaker.LoadRules([]*sentinelbreaker.Rule{{
		Resource: resource, Strategy: sentinelbreaker.ErrorCount, Threshold: 5,
		RetryTimeoutMs: 30_000, MinRequestAmount: 5, StatIntervalMs: 10_000,
	}})
	next := Getter(&client{})
	get := getFunc(func(ctx context.Context, key int) (int, error) {
		entry, blocked := sentinel.Entry(resource)
		if blocked != nil {
			return 0, blocked
		}
		defer entry.Exit()
		answer, err := next.Get(ctx, key)
		if err != nil {
			sentinel.TraceError(entry, err)
		}
		return answer, err
	})
	return loop(get), func() {}, err
}

func hystrixCalls() (Loop, func(), error) {
	const command = "get"
	hystrix.SetLogger(log.New(io.Discard, "", 0))
	hystrix.ConfigureCommand(command, hystrix.CommandConfig{Timeout: 2000, MaxConcurrentRequests: 10_000})
	next := Getter(&client{})
	get := getFunc(func(ctx context.Context, key int) (answer int, err error) {
		err = hystrix.DoC(ctx, command, func(ctx context.Context) error {
			answer, err = next.Get(ctx, key)
			return err
		}, nil)
		return answer, err
	})
	return loop(get), hystrix.Flush, nil
}

func resiliencyBreaker() Getter {
	next, breaker := Getter(&client{}), resiliency.New(5, 1, 30*time.Second)
	return getFunc(func(ctx context.Context, key int) (answer int, err error) {
		err = breaker.Run(func() error {
			answer, err = next.Get(ctx, key)
			return err
		})
		return answer, err
	})
}

func mercariBreaker() Getter {
	next := Getter(&client{})
	breaker := mercari.New(
		mercari.WithTripFunc(mercari.NewTripFuncConsecutiveFailures(5)),
		mercari.WithOpenTimeout(30*time.Second),
	)
	return getFunc(func(ctx context.Context, key int) (int, error) {
		answer, err := breaker.Do(ctx, func() (any, error) { return next.Get(ctx, key) })
		number, _ := answer.(int) // nil beside an error
		return number, err
	})
}
