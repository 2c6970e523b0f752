package tracing_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"
	"go.opentelemetry.io/otel/trace/noop"

	resil "github.com/resilgo/resil/runtime"
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
	name        string
	parent      trace.SpanContext
	attributes  map[attribute.Key]attribute.Value
	events      []string
	status      codes.Code
	description string
	ended       int
}

func (r *recorder) Tracer(string, ...trace.TracerOption) trace.Tracer { return recordingTracer{r: r} }

func (t recordingTracer) Start(ctx context.Context, name string, _ ...trace.SpanStartOption) (context.Context, trace.Span) {
	r := t.r
	s := &span{name: name, parent: trace.SpanContextFromContext(ctx), attributes: map[attribute.Key]attribute.Value{}}
	r.mu.Lock()
	r.spans = append(r.spans, s)
	r.mu.Unlock()
	return trace.ContextWithSpan(ctx, s), s
}

func (s *span) IsRecording() bool { return true }
func (s *span) SpanContext() trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
}
func (s *span) End(...trace.SpanEndOption)                   { s.ended++ }
func (s *span) SetStatus(c codes.Code, text string)          { s.status, s.description = c, text }
func (s *span) AddEvent(name string, _ ...trace.EventOption) { s.events = append(s.events, name) }
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
		sys := newSystem(t, tracing.New(r, tracing.WithAttributes("db", attribute.String("db.system.name", "postgresql"))))
		db := sys.Dependency("db", resil.Read, resil.Operation("Get"), resil.Retry{Attempts: 3, Base: time.Millisecond, Max: time.Millisecond})
		calls := 0
		_, err := resil.Do(t.Context(), db, func(ctx context.Context) (int, error) {
			if trace.SpanFromContext(ctx) != trace.Span(r.spans[0]) {
				t.Error("the client does not run under the guard's span")
			}
			if calls++; calls < 3 {
				return 0, errors.New("refused by db.internal?password=secret")
			}
			return 1, nil
		})
		if err != nil || len(r.spans) != 1 {
			t.Fatalf("err %v, %d spans; want one", err, len(r.spans))
		}
		s := r.spans[0]
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

func TestUnsampledCallsCostNothing(t *testing.T) {
	r := new(recorder)
	unsampled := trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2},
	}))
	for name, tc := range map[string]struct {
		ctx    context.Context //nolint:containedctx // a row of a table
		option resil.Option
	}{
		"parent not sampled": {unsampled, tracing.New(r)},
		"no-op provider":     {context.Background(), tracing.New(noop.NewTracerProvider())},
	} {
		t.Run(name, func(t *testing.T) {
			sys := newSystem(t, tc.option)
			db := sys.Dependency("db")
			do := func(context.Context) (int, error) { return 1, nil }
			allocs := testing.AllocsPerRun(100, func() { _, _ = resil.Do(tc.ctx, db, do) })
			if allocs != 0 || len(r.spans) != 0 {
				t.Errorf("%v allocations, %d spans; want none", allocs, len(r.spans))
			}
		})
	}
}
