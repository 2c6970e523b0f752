package tracing_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"
	"go.opentelemetry.io/otel/trace/noop"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/chaos"
	"github.com/resilgo/resil/runtime/tracing"
)

// recorder is a provider that keeps its spans: the SDK is not among this
// module's dependencies, and what is under test is the use of the API.
type recorder struct {
	embedded.TracerProvider
	mu    sync.Mutex
	spans []*span
}

type recordingTracer struct {
	embedded.Tracer
	r *recorder
}

type span struct {
	noop.Span
	name            string
	id              byte
	parent          trace.SpanContext
	links           []trace.Link
	attributes      map[attribute.Key]attribute.Value
	events          []string
	eventAttributes []map[attribute.Key]attribute.Value // of each event
	status          codes.Code
	description     string
	ended           int
}

func (r *recorder) Tracer(string, ...trace.TracerOption) trace.Tracer { return recordingTracer{r: r} }

func (t recordingTracer) Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	r := t.r
	config := trace.NewSpanStartConfig(options...)
	s := &span{name: name, parent: trace.SpanContextFromContext(ctx), attributes: map[attribute.Key]attribute.Value{}, links: config.Links()}
	s.SetAttributes(config.Attributes()...)
	r.mu.Lock()
	r.spans = append(r.spans, s)
	s.id = byte(len(r.spans))
	r.mu.Unlock()
	return trace.ContextWithSpan(ctx, s), s
}

func (s *span) IsRecording() bool { return true }
func (s *span) SpanContext() trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{s.id}, TraceFlags: trace.FlagsSampled})
}
func (s *span) End(...trace.SpanEndOption)          { s.ended++ }
func (s *span) SetStatus(c codes.Code, text string) { s.status, s.description = c, text }
func (s *span) AddEvent(name string, options ...trace.EventOption) {
	s.events = append(s.events, name)
	with := map[attribute.Key]attribute.Value{}
	config := trace.NewEventConfig(options...)
	for _, a := range config.Attributes() {
		with[a.Key] = a.Value
	}
	s.eventAttributes = append(s.eventAttributes, with)
}

func (s *span) SetAttributes(kv ...attribute.KeyValue) {
	for _, a := range kv {
		s.attributes[a.Key] = a.Value
	}
}

func newSystem(t *testing.T, options ...resil.Option) *resil.System {
	t.Helper()
	sys, err := resil.New(resil.Config{}, options...)
	if err != nil {
		t.Fatal(err)
	}
	return sys
}

func TestSpanTellsWhatTheGuardDecided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(recorder)
		sys := newSystem(t, tracing.New(r, tracing.Database("db", "postgresql", "")))
		db := sys.Dependency("db", resil.Read, resil.Operation("Get"), resil.Retry{Attempts: 3, Base: time.Millisecond, Max: time.Millisecond})
		calls := 0
		_, err := resil.Do(t.Context(), db, func(ctx context.Context) (int, error) {
			if trace.SpanFromContext(ctx) != trace.Span(r.spans[calls]) {
				t.Error("the client does not run under the span of its attempt")
			}
			if calls++; calls < 3 {
				return 0, errors.New("refused by db.internal?password=secret")
			}
			return 1, nil
		})
		if err != nil || len(r.spans) != 3 {
			t.Fatalf("err %v, %d spans; want one of the call and two of further attempts", err, len(r.spans))
		}
		s := r.spans[0]
		for i, want := range []string{"failure", "success"} {
			a, before := r.spans[1+i], r.spans[i]
			if a.name != "db.Get attempt" || a.parent.SpanID() != s.SpanContext().SpanID() || a.ended != 1 {
				t.Errorf("span %q below %s ended %d times; want an attempt of the call", a.name, a.parent.SpanID(), a.ended)
			}
			if len(a.links) != 1 || a.links[0].SpanContext.SpanID() != before.SpanContext().SpanID() || a.links[0].Attributes[0] != tracing.KeyRelation.String("repeats") {
				t.Errorf("attempt %d has the links %v; want one to the attempt it repeats", i+2, a.links)
			}
			if a.attributes[tracing.KeyAttempt].AsInt64() != int64(i+2) || a.attributes[tracing.KeyOutcome].AsString() != want || a.attributes["db.system.name"].AsString() != "postgresql" {
				t.Errorf("attempt %d has the attributes %v", i+2, a.attributes)
			}
			if a.description != "" {
				t.Errorf("attempt %d tells the text %q", i+2, a.description)
			}
		}
		if s.name != "db.Get" || s.ended != 1 || s.status != codes.Unset {
			t.Errorf("span %q ended %d times with status %v", s.name, s.ended, s.status)
		}
		if want := []string{"resil.attempt", "resil.wait", "resil.attempt", "resil.wait", "resil.attempt"}; !slices.Equal(s.events, want) {
			t.Errorf("events %v; want %v", s.events, want)
		}
		for key, want := range map[attribute.Key]attribute.Value{
			tracing.KeyDependency: attribute.StringValue("db"),
			tracing.KeyMethod:     attribute.StringValue("Get"),
			tracing.KeyKind:       attribute.StringValue("read"),
			tracing.KeyLevel:      attribute.StringValue("optimal"),
			tracing.KeyOutcome:    attribute.StringValue("success"),
			tracing.KeyAttempts:   attribute.IntValue(3),
			tracing.KeyDegraded:   attribute.BoolValue(false),
			"db.system.name":      attribute.StringValue("postgresql"),
		} {
			if s.attributes[key] != want {
				t.Errorf("%s = %v; want %v", key, s.attributes[key].AsString(), want.AsString())
			}
		}
	})
}

func TestErrorsAreClassesNotTexts(t *testing.T) {
	secret := errors.New("get https://api/?api_key=SECRET: refused")
	fail := func(context.Context) (int, error) { return 0, secret }

	r := new(recorder)
	sys := newSystem(t, tracing.New(r))
	api := sys.Dependency("api", resil.Breaker{Failures: 1, Open: time.Hour})
	_, _ = resil.Do(t.Context(), api, fail)
	_, _ = resil.Do(t.Context(), api, fail)
	if len(r.spans) != 2 {
		t.Fatalf("%d spans; want 2", len(r.spans))
	}
	for i, want := range []string{"*errors.errorString", "open"} {
		s := r.spans[i]
		if got := s.attributes[tracing.KeyErrorType].AsString(); got != want || s.status != codes.Error || s.description != "" {
			t.Errorf("call %d: error.type %q, status %v %q; want %q, Error and no text", i, got, s.status, s.description, want)
		}
	}

	r = new(recorder)
	sys = newSystem(t, tracing.New(r, tracing.WithErrorText(func(error) string { return "redacted" })))
	_, _ = resil.Do(t.Context(), sys.Dependency("api"), fail)
	if got := r.spans[0].description; got != "redacted" {
		t.Errorf("description %q; want what WithErrorText returned", got)
	}
}

// The errors of clients, by their shapes.
type (
	httpError  struct{ status int }
	grpcCode   uint32
	grpcStatus struct{ code grpcCode }
	grpcError  struct{ status grpcStatus }
	// connectError stands for Connect's, pgError for pgconn's, mysqlError for
	// the MySQL driver's, redisError for go-redis's, apiError for openai-go's.
	connectError struct{ code grpcCode }
	pgError      struct{ state string }
	mysqlError   struct {
		Number  uint16
		Message string
	}
	redisError string
	apiError   struct{ StatusCode int }
	classError struct{}
	slowError  struct{}
	oddError   struct{}
)

func (e httpError) Error() string            { return "GET https://api/?key=SECRET" }
func (e httpError) HTTPStatusCode() int      { return e.status }
func (s *grpcStatus) Code() grpcCode         { return s.code }
func (e *grpcError) Error() string           { return "rpc" }
func (e *grpcError) GRPCStatus() *grpcStatus { return &e.status }
func (e *connectError) Error() string        { return "connect" }
func (e *connectError) Code() grpcCode       { return e.code }
func (e *connectError) Meta() http.Header    { return nil }
func (e *pgError) Error() string             { return "pg" }
func (e *pgError) SQLState() string          { return e.state }
func (e *mysqlError) Error() string          { return e.Message }
func (e redisError) Error() string           { return string(e) }
func (e redisError) RedisError()             {}
func (e *apiError) Error() string            { return "api" }
func (classError) Error() string             { return "class" }
func (classError) ErrorType() string         { return "quota_exceeded" }
func (slowError) Error() string              { return "slow" }
func (slowError) Timeout() bool              { return true }
func (oddError) Error() string               { return "odd" }
func (oddError) HTTPStatusCode() int         { panic("no status") }
func (oddError) ErrorType() string           { panic("no class") }
func (oddError) Timeout() bool               { panic("no time") }

// What a call ended with is named as the conventions have it, whichever client
// the dependency has; the keys are those of OpenTelemetry's package for them.
func TestErrorsAreNamedByTheConventions(t *testing.T) {
	errorType := func(v string) attribute.KeyValue { return semconv.ErrorTypeKey.String(v) }
	wrap := func(err error) error { return fmt.Errorf("price of mug: %w", err) }
	db := tracing.Database("x", "postgresql", "")
	for name, tc := range map[string]struct {
		option tracing.Option
		err    error
		answer bool
		want   []attribute.KeyValue
	}{
		"http":                 {tracing.HTTP("x", "a", 0), wrap(httpError{503}), false, []attribute.KeyValue{errorType("503"), semconv.HTTPResponseStatusCode(503)}},
		"http, asked slower":   {tracing.HTTP("x", "a", 0), httpError{429}, false, []attribute.KeyValue{errorType("429"), semconv.HTTPResponseStatusCode(429)}},
		"http, an answer":      {tracing.HTTP("x", "a", 0), httpError{404}, true, []attribute.KeyValue{semconv.HTTPResponseStatusCode(404)}},
		"http, no reply":       {tracing.HTTP("x", "a", 0), httpError{-1}, false, []attribute.KeyValue{errorType("tracing_test.httpError")}},
		"gen_ai":               {tracing.GenAI("x", "openai", "chat", ""), wrap(&apiError{500}), false, []attribute.KeyValue{errorType("500"), semconv.HTTPResponseStatusCode(500)}},
		"aws-api":              {tracing.RPC("x", "aws-api"), httpError{503}, false, []attribute.KeyValue{errorType("503"), semconv.HTTPResponseStatusCode(503)}},
		"grpc":                 {tracing.RPC("x", "grpc"), wrap(&grpcError{grpcStatus{14}}), false, []attribute.KeyValue{errorType("UNAVAILABLE"), semconv.RPCResponseStatusCode("UNAVAILABLE")}},
		"grpc, an answer":      {tracing.RPC("x", "grpc"), &grpcError{grpcStatus{5}}, true, []attribute.KeyValue{semconv.RPCResponseStatusCode("NOT_FOUND")}},
		"grpc, unknown code":   {tracing.RPC("x", "grpc"), &grpcError{grpcStatus{99}}, false, []attribute.KeyValue{errorType("99"), semconv.RPCResponseStatusCode("99")}},
		"connect":              {tracing.RPC("x", "connectrpc"), &connectError{1}, false, []attribute.KeyValue{errorType("canceled"), semconv.RPCResponseStatusCode("canceled")}},
		"postgresql":           {db, wrap(&pgError{"40P01"}), false, []attribute.KeyValue{errorType("40P01"), semconv.DBResponseStatusCode("40P01")}},
		"no SQLSTATE":          {db, &pgError{"secret"}, false, []attribute.KeyValue{errorType("*tracing_test.pgError")}},
		"mysql":                {tracing.Database("x", "mysql", ""), &mysqlError{Number: 1213}, false, []attribute.KeyValue{errorType("1213"), semconv.DBResponseStatusCode("1213")}},
		"redis":                {tracing.Database("x", "redis", ""), redisError("LOADING Redis is loading"), false, []attribute.KeyValue{errorType("LOADING"), semconv.DBResponseStatusCode("LOADING")}},
		"redis, no prefix":     {tracing.Database("x", "redis", ""), redisError("secret ERR"), false, []attribute.KeyValue{errorType("tracing_test.redisError")}},
		"a database over http": {tracing.Database("x", "elasticsearch", ""), httpError{503}, false, []attribute.KeyValue{errorType("503"), semconv.DBResponseStatusCode("503")}},
		"a class of its own":   {db, wrap(classError{}), false, []attribute.KeyValue{errorType("quota_exceeded")}},
		"timeout of a client":  {db, &url.Error{Op: "Get", URL: "https://a", Err: slowError{}}, false, []attribute.KeyValue{errorType("timeout")}},
		"refused":              {db, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, false, []attribute.KeyValue{errorType("syscall.Errno")}},
		"panics when asked":    {db, oddError{}, false, []attribute.KeyValue{errorType("tracing_test.oddError")}},
	} {
		t.Run(name, func(t *testing.T) {
			r := new(recorder)
			sys := newSystem(t, tracing.New(r, tc.option))
			_, err := resil.Do(t.Context(), sys.Dependency("x"), func(context.Context) (int, error) { return 0, tc.err })
			if !errors.Is(err, tc.err) {
				t.Fatal(err)
			}
			s := r.spans[0]
			keys := []attribute.Key{semconv.ErrorTypeKey, semconv.HTTPResponseStatusCodeKey, semconv.RPCResponseStatusCodeKey, semconv.DBResponseStatusCodeKey}
			for _, where := range []map[attribute.Key]attribute.Value{s.attributes, s.eventAttributes[0]} {
				got := map[attribute.Key]attribute.Value{}
				for _, key := range keys {
					if v, ok := where[key]; ok {
						got[key] = v
					}
				}
				want := map[attribute.Key]attribute.Value{}
				for _, a := range tc.want {
					want[a.Key] = a.Value
				}
				if !maps.Equal(got, want) {
					t.Errorf("%v; want %v", got, want)
				}
			}
			if failed := s.status == codes.Error; failed == tc.answer {
				t.Errorf("status %v; want an error unless it is an answer", s.status)
			}
		})
	}
}

// What our policies decide has names of its own, in the words of the metrics.
func TestDecisionsAreNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(recorder)
		sys := newSystem(t, tracing.New(r))
		hang := func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() }
		limited, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		cancelled, cancelNow := context.WithCancel(t.Context())
		defer cancelNow()
		fine := func(context.Context) (int, error) { return 1, nil }
		if err := sys.Dependency("forced").Force(true, time.Hour, "test"); err != nil {
			t.Fatal(err)
		}
		slow := sys.Dependency("slow", resil.Timeout{Attempt: time.Second})
		full := sys.Dependency("full", resil.Bulkhead{Max: 1})
		rate := sys.Dependency("rate", resil.Rate{N: 1, Per: time.Hour, Burst: 1})
		_, _ = resil.Do(t.Context(), rate, fine)
		r.spans = nil
		for _, tc := range []struct {
			want string
			call func() error
		}{
			{"open", func() error { _, err := resil.Do(t.Context(), sys.Dependency("forced"), fine); return err }},
			{"timeout", func() error { _, err := resil.Do(t.Context(), slow, hang); return err }},
			{"timeout", func() error { _, err := resil.Do(limited, sys.Dependency("db"), hang); return err }},
			{"rate", func() error { _, err := resil.Do(t.Context(), rate, fine); return err }},
			{"bulkhead", func() error {
				var err error
				_, _ = resil.Do(t.Context(), full, func(context.Context) (int, error) {
					_, err = resil.Do(t.Context(), full, fine)
					return 0, nil
				})
				return err
			}},
			{"canceled", func() error {
				_, err := resil.Do(cancelled, sys.Dependency("db"), func(ctx context.Context) (int, error) { cancelNow(); return 0, ctx.Err() })
				return err
			}},
		} {
			before := len(r.spans)
			if err := tc.call(); err == nil {
				t.Errorf("%s: no error", tc.want)
			}
			if got := r.spans[len(r.spans)-1].attributes[tracing.KeyErrorType].AsString(); got != tc.want || len(r.spans) == before {
				t.Errorf("error.type %q; want %q", got, tc.want)
			}
		}
	})
}

func TestUnsampledCallsCostNothing(t *testing.T) {
	r := new(recorder)
	unsampled := trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2},
	}))
	for name, tc := range map[string]struct {
		ctx    context.Context //nolint:containedctx // a row of a table
		option resil.Option
		most   float64 // allocations
	}{
		"parent not sampled": {unsampled, tracing.New(r), 0},
		"no-op provider":     {context.Background(), tracing.New(noop.NewTracerProvider()), 0},
		"no SDK":             {context.Background(), tracing.New(nil), 3}, // the span that the API makes in its place, and its context
	} {
		t.Run(name, func(t *testing.T) {
			sys := newSystem(t, tc.option)
			db := sys.Dependency("db")
			do := func(context.Context) (int, error) { return 1, nil }
			allocs := testing.AllocsPerRun(100, func() { _, _ = resil.Do(tc.ctx, db, do) })
			if allocs > tc.most || len(r.spans) != 0 {
				t.Errorf("%v allocations, %d spans; want %v and none", allocs, len(r.spans), tc.most)
			}
		})
	}
}

func TestHedgesAreLinkedToWhatTheyRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(recorder)
		sys := newSystem(t, tracing.New(r))
		db := sys.Dependency("db", resil.Read, resil.Operation("Get"), resil.Hedge{After: time.Second, Max: 2})
		var mu sync.Mutex
		calls := 0
		_, err := resil.DoHedged(t.Context(), db, func(ctx context.Context) (int, error) {
			mu.Lock()
			calls++
			n := calls
			mu.Unlock()
			if n < 3 {
				<-ctx.Done()
				return 0, ctx.Err()
			}
			return n, nil
		})
		synctest.Wait()
		if err != nil || len(r.spans) != 3 {
			t.Fatalf("err %v, %d spans; want one of the call and two of hedges", err, len(r.spans))
		}
		for i, want := range []string{"neutral", "success"} {
			a := r.spans[1+i]
			if a.ended != 1 || len(a.links) != 1 || a.links[0].SpanContext.SpanID() != r.spans[i].SpanContext().SpanID() || a.links[0].Attributes[0] != tracing.KeyRelation.String("races") {
				t.Errorf("hedge %d ended %d times with the links %v", i+1, a.ended, a.links)
			}
			if !a.attributes[tracing.KeyHedge].AsBool() || a.attributes[tracing.KeyOutcome].AsString() != want || a.attributes[tracing.KeyAttempt].AsInt64() != int64(i+2) {
				t.Errorf("hedge %d has the attributes %v; want outcome %s", i+1, a.attributes, want)
			}
		}
	})
}

func TestAPanicEndsTheSpanOfItsAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(recorder)
		sys := newSystem(t, tracing.New(r))
		db := sys.Dependency("db", resil.Read, resil.Retry{Attempts: 2})
		calls := 0
		func() {
			defer func() { _ = recover() }()
			_, _ = resil.Do(t.Context(), db, func(context.Context) (int, error) {
				if calls++; calls == 2 {
					panic("boom")
				}
				return 0, errors.New("refused")
			})
		}()
		if len(r.spans) != 2 || r.spans[0].ended != 1 || r.spans[1].ended != 1 || r.spans[1].status != codes.Error {
			t.Errorf("%d spans; want the call's and the second attempt's, both ended", len(r.spans))
		}
		for _, s := range r.spans {
			if got := s.attributes[tracing.KeyErrorType].AsString(); got != "panic" {
				t.Errorf("%s: error.type %q; want panic", s.name, got)
			}
		}
	})
}

// The names are those of OpenTelemetry's own package for the conventions; for
// gen_ai of the last version that has them.
func TestKindsOfDependenciesFollowTheConventions(t *testing.T) {
	for name, tc := range map[string]struct {
		option tracing.Option
		want   []attribute.KeyValue
	}{
		"database": {tracing.Database("x", "postgresql", "shop"), []attribute.KeyValue{semconv.DBSystemNamePostgreSQL, semconv.DBNamespace("shop")}},
		"bare":     {tracing.Database("x", "redis", ""), []attribute.KeyValue{semconv.DBSystemNameRedis}},
		"http":     {tracing.HTTP("x", "api.example.com", 443), []attribute.KeyValue{semconv.ServerAddress("api.example.com"), semconv.ServerPort(443)}},
		"no port":  {tracing.HTTP("x", "api.example.com", 0), []attribute.KeyValue{semconv.ServerAddress("api.example.com")}},
		"rpc":      {tracing.RPC("x", "grpc"), []attribute.KeyValue{semconv.RPCSystemNameGRPC}},
		"gen_ai": {tracing.GenAI("x", "openai", "chat", "gpt"), []attribute.KeyValue{
			semconv.GenAIProviderNameOpenAI, semconv.GenAIOperationNameChat, semconv.GenAIRequestModel("gpt"),
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := new(recorder)
			sys := newSystem(t, tracing.New(r, tc.option))
			_, _ = resil.Do(t.Context(), sys.Dependency("x"), func(context.Context) (int, error) { return 1, nil })
			got := r.spans[0].attributes
			conventional := 0
			for key := range got {
				if !strings.HasPrefix(string(key), "resil.") {
					conventional++
				}
			}
			for _, want := range tc.want {
				if got[want.Key] != want.Value {
					t.Errorf("%s = %v; want %v", want.Key, got[want.Key], want.Value)
				}
			}
			if conventional != len(tc.want) {
				t.Errorf("%d attributes of the conventions in %v; want %d", conventional, got, len(tc.want))
			}
		})
	}
}

func TestInjectedFaultsAreEvents(t *testing.T) {
	faults, err := chaos.New(chaos.Config{Logger: slog.New(slog.DiscardHandler)}, chaos.Fault{Kind: chaos.Error})
	if err != nil {
		t.Fatal(err)
	}
	r := new(recorder)
	sys := newSystem(t, tracing.New(r), resil.WithInjector(faults))
	if err := faults.Enable(sys, time.Minute, "test"); err != nil {
		t.Fatal(err)
	}
	defer faults.Disable("the test ends")
	_, err = resil.Do(t.Context(), sys.Dependency("db"), func(context.Context) (int, error) { return 1, nil })
	if !errors.Is(err, chaos.ErrInjected) || len(r.spans) != 1 {
		t.Fatalf("%v, %d spans", err, len(r.spans))
	}
	if want := []string{"resil.fault", "resil.attempt"}; !slices.Equal(r.spans[0].events, want) {
		t.Errorf("events %q, want %q", r.spans[0].events, want)
	}
}
