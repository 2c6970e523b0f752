// Package tracing records guarded calls as OpenTelemetry spans.
//
// Each guarded call becomes one span of kind INTERNAL named
// "dependency.Method"; the client's own CLIENT span, made by otelhttp, otelpgx
// and the like, stays its child and carries the http, db, rpc or gen_ai
// conventions. What the guard decided on the way is an event of the span:
// attempts, waits, rejections, fallbacks, hedges. The second attempt of a call
// and every further one is a span of its own below it, linked to the attempt
// that it repeats or races, so that the client's spans stand apart; a call that
// succeeds at once is one span. OpenTelemetry has no convention for circuit
// breakers yet (semantic-conventions#2355), so the attributes carry the prefix
// "resil.". What a dependency is can be said in its conventions: [Database],
// [HTTP], [RPC], [GenAI].
//
// What a call ended with is said in the conventions too. The status of a reply
// is http.response.status_code, rpc.response.status_code or
// db.response.status_code, also when it is an answer that the caller gets as an
// error, such as NOT_FOUND. error.type of a failed call is the first of these
// that fits:
//   - what a policy decided: open, bulkhead, rate, shed, timeout
//   - what the error's method ErrorType() string returns
//   - the status: 503, UNAVAILABLE, 40P01 (an SQLSTATE), 1213 (MySQL), LOADING (Redis)
//   - timeout, also of the client and the caller; canceled
//   - the Go type of the innermost error; panic
//
// No argument, result or error text is recorded unless an option asks for it:
// error texts are known to carry URLs with keys in them.
package tracing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/internal/reply"
)

// Attributes and events of a guarded call's span.
const (
	KeyDependency = attribute.Key("resil.dependency")
	KeyMethod     = attribute.Key("resil.method")
	KeyKind       = attribute.Key("resil.kind")     // read, write or unmarked
	KeyLevel      = attribute.Key("resil.level")    // when the call began
	KeyOutcome    = attribute.Key("resil.outcome")  // as the metrics label
	KeyDegraded   = attribute.Key("resil.degraded") // a fallback answered
	KeyFallback   = attribute.Key("resil.fallback.strategy")
	KeyAttempt    = attribute.Key("resil.attempt") // from 1
	KeyAttempts   = attribute.Key("resil.attempts")
	KeyHedge      = attribute.Key("resil.hedge")      // of an attempt's span: it races the one before
	KeyRelation   = attribute.Key("resil.relation")   // of its link: "repeats" or "races"
	KeyDuration   = attribute.Key("resil.duration")   // seconds
	KeyFault      = attribute.Key("resil.fault.kind") // of an injected fault

	// By the semantic conventions.
	KeyErrorType  = attribute.Key("error.type")
	KeyHTTPStatus = attribute.Key("http.response.status_code") // a number
	KeyRPCStatus  = attribute.Key("rpc.response.status_code")
	KeyDBStatus   = attribute.Key("db.response.status_code")

	eventPrefix = "resil."
	scope       = "github.com/resilgo/resil/runtime/tracing"
)

// An Option changes what is recorded.
type Option interface{ apply(*tracer) }

type optionFunc func(*tracer)

func (f optionFunc) apply(t *tracer) { f(t) }

// WithAttributes adds attributes to every span of a dependency, for example
// db.system.name=postgresql or gen_ai.provider.name=openai.
func WithAttributes(dependency string, attributes ...attribute.KeyValue) Option {
	return optionFunc(func(t *tracer) { t.extra[dependency] = append(t.extra[dependency], attributes...) })
}

// WithErrorText records what text returns for an error as the span's status
// description. Without it no error text is recorded. text runs on the caller's
// goroutine and must be safe for concurrent use.
func WithErrorText(text func(error) string) Option {
	return optionFunc(func(t *tracer) { t.text = text })
}

// Database says that a dependency is a database, by the conventions for
// database clients: system is db.system.name, for example "postgresql";
// namespace is db.namespace, left out when empty.
func Database(dependency, system, namespace string) Option {
	return WithAttributes(dependency, append(stated("db.namespace", namespace), attribute.String("db.system.name", system))...)
}

// HTTP says that a dependency is called over HTTP at an address, by the
// conventions for HTTP clients. port 0 is left out.
func HTTP(dependency, address string, port int) Option {
	attributes := []attribute.KeyValue{attribute.String("server.address", address)}
	if port != 0 {
		attributes = append(attributes, attribute.Int("server.port", port))
	}
	return WithAttributes(dependency, attributes...)
}

// RPC says that a dependency is called by remote procedures, by the conventions
// for RPC clients: system is rpc.system.name, for example "grpc" or "aws-api".
func RPC(dependency, system string) Option {
	return WithAttributes(dependency, attribute.String("rpc.system.name", system))
}

// GenAI says that a dependency is a generative model, by the conventions for
// such clients: provider is gen_ai.provider.name, for example "openai",
// operation is gen_ai.operation.name, for example "chat", and model is
// gen_ai.request.model; the last two are left out when empty. Prompts and
// answers are never recorded.
func GenAI(dependency, provider, operation, model string) Option {
	attributes := append(stated("gen_ai.operation.name", operation), stated("gen_ai.request.model", model)...)
	return WithAttributes(dependency, append(attributes, attribute.String("gen_ai.provider.name", provider))...)
}

func stated(key attribute.Key, value string) []attribute.KeyValue {
	if value == "" {
		return nil
	}
	return []attribute.KeyValue{key.String(value)}
}

// New returns the option that makes a system trace its calls with provider;
// nil means the global provider. Calls under a parent that is not sampled are
// not recorded, at no cost; nor are calls of a no-op provider.
func New(provider trace.TracerProvider, options ...Option) resil.Option {
	if _, off := provider.(noop.TracerProvider); off {
		return resil.WithTracer(nil)
	}
	if provider == nil {
		provider = otel.GetTracerProvider()
	}
	t := &tracer{otel: provider.Tracer(scope), extra: make(map[string][]attribute.KeyValue)}
	for _, o := range options {
		o.apply(t)
	}
	return resil.WithTracer(t)
}

type tracer struct {
	otel  trace.Tracer
	extra map[string][]attribute.KeyValue // by dependency; read-only after New
	text  func(error) string
	fixed sync.Map // method → *fixed
}

// method identifies a guarded method.
type method struct{ dependency, name string }

// fixed is what all spans of a method share, built once.
type fixed struct {
	span       string
	attributes []attribute.KeyValue
	database   bool // its status codes are those of a database, whatever it is spoken to by
}

// Start implements [resil.Tracer].
func (t *tracer) Start(ctx context.Context, call resil.CallInfo) (context.Context, resil.Span) {
	if parent := trace.SpanFromContext(ctx); parent.SpanContext().IsValid() && !parent.SpanContext().IsSampled() && !parent.IsRecording() {
		return ctx, nil
	}
	traced, span := t.otel.Start(ctx, call.Operation)
	if !span.IsRecording() {
		span.End()
		if !span.SpanContext().IsValid() {
			return ctx, nil // there is no SDK
		}
		return traced, nil
	}
	f := t.of(call)
	span.SetAttributes(f.attributes...)
	span.SetAttributes(KeyLevel.String(call.Level.String()))
	return traced, &recorded{tracer: t, span: span, fixed: f, previous: span.SpanContext()}
}

func (t *tracer) of(call resil.CallInfo) *fixed {
	key := method{call.Dependency, call.Method}
	if f, ok := t.fixed.Load(key); ok {
		return f.(*fixed) //nolint:errcheck // the map holds nothing else
	}
	f := &fixed{
		span: call.Operation,
		attributes: append([]attribute.KeyValue{
			KeyDependency.String(call.Dependency),
			KeyMethod.String(call.Method),
			KeyKind.String(call.Kind.String()),
		}, t.extra[call.Dependency]...),
		database: slices.ContainsFunc(t.extra[call.Dependency], func(a attribute.KeyValue) bool { return a.Key == "db.system.name" }),
	}
	t.fixed.Store(key, f)
	return f
}

// recorded is the span of one call. Hedged arms report events concurrently.
type recorded struct {
	tracer *tracer
	span   trace.Span
	fixed  *fixed

	mu       sync.Mutex
	previous trace.SpanContext // of the latest attempt: the call's own span for the first; guarded by mu
	attempts int               // guarded by mu
	strategy resil.Strategy    // of the fallback that answered; guarded by mu
}

// Event implements [resil.Span].
func (r *recorded) Event(e resil.Event) {
	attributes := make([]attribute.KeyValue, 0, 8)
	if e.Attempt > 0 {
		attributes = append(attributes, KeyAttempt.Int(e.Attempt))
	}
	if e.Duration > 0 {
		attributes = append(attributes, KeyDuration.Float64(e.Duration.Seconds()))
	}
	if e.Outcome != 0 {
		attributes = append(attributes, KeyOutcome.String(e.Outcome.String()))
	}
	if e.Level != 0 {
		attributes = append(attributes, KeyLevel.String(e.Level.String()))
	}
	if e.Strategy != 0 {
		attributes = append(attributes, KeyFallback.String(e.Strategy.String()))
	}
	if e.Fault != "" {
		attributes = append(attributes, KeyFault.String(e.Fault))
	}
	if e.Err != nil {
		attributes = append(attributes, r.fixed.ended(e.Outcome, e.Err)...)
	}
	r.mu.Lock()
	switch {
	case e.Kind == resil.EventAttempt:
		r.attempts++
	case e.Kind == resil.EventFallback && e.Err == nil:
		r.strategy = e.Strategy
	}
	r.mu.Unlock()
	r.span.AddEvent(eventPrefix+e.Kind.String(), trace.WithAttributes(attributes...))
}

// Attempt implements [resil.AttemptSpan].
func (r *recorded) Attempt(ctx context.Context, n int, hedge bool) (context.Context, func(resil.Outcome, error)) {
	relation := "repeats"
	if hedge {
		relation = "races"
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	ctx, span := r.tracer.otel.Start(ctx, r.fixed.span+" attempt",
		trace.WithLinks(trace.Link{SpanContext: r.previous, Attributes: []attribute.KeyValue{KeyRelation.String(relation)}}),
		trace.WithAttributes(r.fixed.attributes...),
		trace.WithAttributes(KeyAttempt.Int(n), KeyHedge.Bool(hedge)))
	r.previous = span.SpanContext()
	return ctx, func(outcome resil.Outcome, err error) {
		span.SetAttributes(KeyOutcome.String(outcome.String()))
		r.fail(span, outcome, err)
		span.End()
	}
}

// End implements [resil.Span].
func (r *recorded) End(outcome resil.Outcome, err error) {
	r.mu.Lock()
	attempts, strategy := r.attempts, r.strategy
	r.mu.Unlock()
	r.span.SetAttributes(
		KeyOutcome.String(outcome.String()),
		KeyAttempts.Int(attempts),
		KeyDegraded.Bool(strategy != 0),
	)
	if strategy != 0 {
		r.span.SetAttributes(KeyFallback.String(strategy.String()))
	}
	r.fail(r.span, outcome, err)
	r.span.End()
}

// fail notes the error that a span ends with.
func (r *recorded) fail(span trace.Span, outcome resil.Outcome, err error) {
	if err == nil {
		return
	}
	span.SetAttributes(r.fixed.ended(outcome, err)...)
	if outcome == resil.OutcomeSuccess {
		return
	}
	text := ""
	if r.tracer.text != nil {
		text = r.tracer.text(err)
	}
	span.SetStatus(codes.Error, text)
}

// ended returns the attributes of the conventions for an error with which
// something ended. An answer like "no rows" is an error value but no failure.
func (f *fixed) ended(outcome resil.Outcome, err error) []attribute.KeyValue {
	if name := decided(err); name != "" {
		return []attribute.KeyValue{KeyErrorType.String(name)}
	}
	attributes := make([]attribute.KeyValue, 0, 2)
	status, replied := reply.StatusOf(err)
	if replied {
		attributes = append(attributes, f.status(status))
	}
	if outcome != resil.OutcomeSuccess {
		attributes = append(attributes, KeyErrorType.String(errorType(err, status.Code)))
	}
	return attributes
}

func (f *fixed) status(s reply.Status) attribute.KeyValue {
	switch {
	case s.Kind == reply.Database || f.database:
		return KeyDBStatus.String(s.Code)
	case s.Kind == reply.RPC:
		return KeyRPCStatus.String(s.Code)
	default:
		return KeyHTTPStatus.Int(s.HTTP)
	}
}

// decided names the policy of ours that err tells of, "" if none does.
func decided(err error) string {
	for _, r := range decisions {
		if errors.Is(err, r.err) {
			return r.name
		}
	}
	return ""
}

var decisions = []struct {
	err  error
	name string
}{
	{resil.ErrOpen, "open"},
	{resil.ErrBulkheadFull, "bulkhead"},
	{resil.ErrRateLimited, "rate"},
	{resil.ErrShed, "shed"},
	{resil.ErrTimeout, "timeout"},
}

// errorType returns the class of an error that no policy of ours made, of low
// cardinality. code is the status of the reply, "" when there was none. An
// error that panics over a question does not answer it.
func errorType(err error, code string) string {
	if class := classOf(err); class != "" {
		return class
	}
	switch {
	case code != "":
		return code
	case reply.TimedOut(err):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	for {
		switch e := err.(type) { //nolint:errorlint // walks the tree by hand to its innermost error
		case interface{ Unwrap() error }:
			if next := e.Unwrap(); next != nil {
				err = next
				continue
			}
		case interface{ Unwrap() []error }:
			if all := e.Unwrap(); len(all) > 0 && all[len(all)-1] != nil {
				err = all[len(all)-1]
				continue
			}
		}
		return fmt.Sprintf("%T", err)
	}
}

// classOf returns the class that an error gives itself, as OpenTelemetry's own
// package for the conventions asks for it.
func classOf(err error) (class string) {
	defer func() {
		if recover() != nil {
			class = ""
		}
	}()
	var e interface{ ErrorType() string }
	if errors.As(err, &e) {
		return e.ErrorType()
	}
	return ""
}
