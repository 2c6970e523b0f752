package resil_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/resiltest"
)

// The errors of real clients, by their shapes.

// redisError is go-redis's proto.RedisError.
type redisError string

func (e redisError) Error() string { return string(e) }

// pgxNoRows is pgx v5's ErrNoRows.
var errPgxNoRows = fmt.Errorf("no rows in result set: %w", sql.ErrNoRows)

// grpcCode and grpcStatus are gRPC's codes.Code and *status.Status.
type grpcCode uint32

type grpcStatus struct{ code grpcCode }

func (s *grpcStatus) Code() grpcCode { return s.code }

type grpcError struct{ s *grpcStatus }

func (e *grpcError) Error() string           { return fmt.Sprint("rpc error: code = ", e.s.code) }
func (e *grpcError) GRPCStatus() *grpcStatus { return e.s }

// awsError is smithy-go's http.ResponseError: a wrapper that embeds the response.
type awsResponse struct{ *http.Response }

type awsError struct {
	Response *awsResponse
	Err      error
}

func (e *awsError) Error() string       { return "aws" }
func (e *awsError) Unwrap() error       { return e.Err }
func (e *awsError) HTTPStatusCode() int { return e.Response.StatusCode }

// openaiError is openai-go's Error.
type openaiError struct {
	StatusCode int
	Request    *http.Request
	Response   *http.Response
}

func (e *openaiError) Error() string { return "openai" }

// githubError is go-github's ErrorResponse: the status only in the response.
type githubError struct{ Response *http.Response }

func (e githubError) Error() string { return "github" }

// googleError is googleapi's Error, azureError is azcore's ResponseError, and
// apiError gax's APIError.
type googleError struct {
	Code   int
	Header http.Header
}

func (e *googleError) Error() string { return "google" }

type azureError struct {
	StatusCode  int
	RawResponse *http.Response
}

func (e *azureError) Error() string { return "azure" }

type apiError int

func (e apiError) Error() string { return "api" }
func (e apiError) HTTPCode() int { return int(e) }

// connectError is Connect's Error.
type connectError struct {
	code grpcCode
	meta http.Header
}

func (e *connectError) Error() string     { return "connect" }
func (e *connectError) Code() grpcCode    { return e.code }
func (e *connectError) Meta() http.Header { return e.meta }

// codedError has codes of its own.
type codedError uint32

func (e codedError) Error() string { return "coded" }
func (e codedError) Code() uint32  { return uint32(e) }

// exitError has a Code that is no status.
type exitError struct{ Code int }

func (e *exitError) Error() string { return "exit" }

// brokenError panics over every question.
type brokenError struct{}

func (brokenError) Error() string                { return "broken" }
func (brokenError) HTTPResponse() *http.Response { panic("no response") }
func (brokenError) RetryAfter() time.Duration    { panic("no header") }

func TestDelaysAreReadFromErrors(t *testing.T) {
	header := http.Header{"Retry-After": {"7"}}
	response := &http.Response{StatusCode: 503, Header: header}
	for _, err := range []error{
		&connectError{14, header}, &googleError{503, header}, &azureError{503, response},
		githubError{response},
		&awsError{Response: &awsResponse{response}}, fmt.Errorf("wrapped: %w", &openaiError{StatusCode: 503, Response: response}),
	} {
		bubble(t, func(t *testing.T, sys *resil.System, _ *resiltest.Fake) {
			m := guarded(sys, resil.GuardSpec{}, resil.MethodSpec{Kind: resil.Read, Retry: &resil.Retry{Attempts: 2}})
			begun := time.Now()
			_, _ = resil.Call(t.Context(), m, func(context.Context) (int, error) { return 0, err })
			if took := time.Since(begun); took != 7*time.Second {
				t.Errorf("%T: waited %v, want 7s", err, took)
			}
		})
	}
	bubble(t, func(t *testing.T, sys *resil.System, _ *resiltest.Fake) {
		m := guarded(sys, resil.GuardSpec{}, resil.MethodSpec{Kind: resil.Read, Retry: &resil.Retry{Attempts: 2}})
		_, err := resil.Call(t.Context(), m, func(context.Context) (int, error) { return 0, brokenError{} })
		if ex := explain(t, err); ex.Attempts != 2 {
			t.Errorf("an error that panics when asked: %+v", ex)
		}
	})
}

func TestAnswersAreNoFailures(t *testing.T) {
	status := func(code int) *http.Response { return &http.Response{StatusCode: code, Header: http.Header{}} }
	tests := []struct {
		name   string
		err    error
		answer bool
	}{
		{"sql.ErrNoRows", sql.ErrNoRows, true},
		{"sql.ErrNoRows wrapped", fmt.Errorf("item 7: %w", sql.ErrNoRows), true},
		{"pgx.ErrNoRows", errPgxNoRows, true},
		{"redis.Nil", redisError("redis: nil"), true},
		{"redis.Nil wrapped", fmt.Errorf("get: %w", redisError("redis: nil")), true},
		{"redis error", redisError("LOADING Redis is loading"), false},
		{"text that only looks like redis.Nil", errors.New("redis: nil"), false},
		{"gRPC InvalidArgument", &grpcError{&grpcStatus{3}}, true},
		{"gRPC NotFound", &grpcError{&grpcStatus{5}}, true},
		{"gRPC AlreadyExists", &grpcError{&grpcStatus{6}}, true},
		{"gRPC PermissionDenied", &grpcError{&grpcStatus{7}}, true},
		{"gRPC FailedPrecondition", &grpcError{&grpcStatus{9}}, true},
		{"gRPC Unauthenticated", &grpcError{&grpcStatus{16}}, true},
		{"gRPC Canceled by the server", &grpcError{&grpcStatus{1}}, false},
		{"gRPC DeadlineExceeded", &grpcError{&grpcStatus{4}}, false},
		{"gRPC ResourceExhausted", &grpcError{&grpcStatus{8}}, false},
		{"gRPC Unavailable", &grpcError{&grpcStatus{14}}, false},
		{"gRPC without status", &nilStatus{}, false},
		{"AWS 404", &awsError{Response: &awsResponse{status(404)}}, true},
		{"AWS 404 in an operation error", fmt.Errorf("operation error S3: %w", &awsError{Response: &awsResponse{status(404)}}), true},
		{"AWS 503", &awsError{Response: &awsResponse{status(503)}}, false},
		{"OpenAI 400", &openaiError{StatusCode: 400}, true},
		{"OpenAI 401", &openaiError{StatusCode: 401}, true},
		{"OpenAI 408", &openaiError{StatusCode: 408}, false},
		{"OpenAI 429", &openaiError{StatusCode: 429}, false},
		{"OpenAI 500", &openaiError{StatusCode: 500}, false},
		{"OpenAI without status", &openaiError{}, false},
		{"typed nil", (*openaiError)(nil), false},
		{"Google 404", &googleError{Code: 404, Header: http.Header{}}, true},
		{"Google 503", &googleError{Code: 503}, false},
		{"Azure 409", &azureError{StatusCode: 409}, true},
		{"gax 403", apiError(403), true},
		{"gax not by HTTP", apiError(-1), false},
		{"Connect NotFound", &connectError{code: 5}, true},
		{"Connect Unavailable", &connectError{code: 14}, false},
		{"a code that is not gRPC's", codedError(5), false},
		{"a code that is no status", &exitError{Code: 404}, false},
		{"GitHub 422", githubError{status(422)}, true},
		{"GitHub without response", githubError{}, false},
		{"joined with an answer", errors.Join(errors.New("x"), sql.ErrNoRows), true},
		{"anything else", errors.New("broken pipe"), false},
		{"the dependency's own deadline", context.DeadlineExceeded, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sys := newSystem(t, resil.Config{})
			m := guarded(sys, resil.GuardSpec{}, resil.MethodSpec{})
			_, err := resil.Call(t.Context(), m, func(context.Context) (int, error) { return 0, tt.err })
			_, wrapped := resil.Explain(err)
			if wrapped == tt.answer {
				t.Errorf("returned as %T, answer = %v, want %v", err, !wrapped, tt.answer)
			}
			if tt.answer && err != tt.err { //nolint:errorlint // unchanged is the promise
				t.Errorf("the answer came back as %v", err)
			}
			if !errors.Is(err, tt.err) {
				t.Errorf("%v does not reach %v", err, tt.err)
			}
		})
	}
}

// nilStatus is a gRPC error without a status.
type nilStatus struct{}

func (*nilStatus) Error() string           { return "no status" }
func (*nilStatus) GRPCStatus() *grpcStatus { return nil }

var (
	errSold  = errors.New("sold out")
	errQuota = errors.New("quota")
)

func TestStatedErrorsComeBeforeTheDefaults(t *testing.T) {
	ignore := func(err error) bool { return errors.Is(err, errSold) || errors.Is(err, errQuota) }
	failure := func(err error) bool { return errors.Is(err, sql.ErrNoRows) || errors.Is(err, errQuota) }
	tests := []struct {
		name   string
		err    error
		answer bool
	}{
		{"ignored", fmt.Errorf("x: %w", errSold), true},
		{"failure before default", sql.ErrNoRows, false},
		{"failure before ignore", errQuota, false},
		{"default", redisError("redis: nil"), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sys := newSystem(t, resil.Config{})
			m := guarded(sys, resil.GuardSpec{Breaker: &resil.Breaker{Failures: 1}}, resil.MethodSpec{Ignore: ignore, Failure: failure})
			_, _ = resil.Call(t.Context(), m, func(context.Context) (int, error) { return 0, tt.err })
			if open := sys.Status().Dependencies[0].Breaker == resil.BreakerOpen; open == tt.answer {
				t.Errorf("breaker open = %v, want %v", open, !tt.answer)
			}
		})
	}
}

func TestErrorFamily(t *testing.T) {
	rejections := []error{resil.ErrOpen, resil.ErrBulkheadFull, resil.ErrRateLimited, resil.ErrShed}
	for i, err := range rejections {
		if !errors.Is(err, resil.ErrRejected) {
			t.Errorf("%v is no ErrRejected", err)
		}
		for j, other := range rejections {
			if errors.Is(err, other) != (i == j) {
				t.Errorf("errors.Is(%v, %v) = %v", err, other, i != j)
			}
		}
	}
	if !errors.Is(resil.ErrTimeout, context.DeadlineExceeded) || errors.Is(resil.ErrTimeout, resil.ErrRejected) {
		t.Error("ErrTimeout must be context.DeadlineExceeded and no rejection")
	}
	if errors.Is(resil.ErrClosed, resil.ErrRejected) {
		t.Error("ErrClosed must be no rejection")
	}
}

func TestCallerDeadlineIsJudgedAsConfigured(t *testing.T) {
	tests := []struct {
		name    string
		config  resil.CallerDeadline
		attempt time.Duration // the method's own timeout
		budget  time.Duration // what the caller gives
		opens   bool
	}{
		{"auto, less than a second", resil.DeadlineAuto, 0, 999 * time.Millisecond, false},
		{"auto, a second", resil.DeadlineAuto, 0, time.Second, true},
		{"auto, less than the own timeout", resil.DeadlineAuto, 300 * time.Millisecond, 299 * time.Millisecond, false},
		{"auto, as long as the own timeout", resil.DeadlineAuto, 300 * time.Millisecond, 300 * time.Millisecond, true},
		{"auto, a long own timeout", resil.DeadlineAuto, time.Minute, time.Second, true},
		{"failure", resil.DeadlineFailure, 0, time.Millisecond, true},
		{"neutral", resil.DeadlineNeutral, 0, 10 * time.Second, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sys := newSystem(t, resil.Config{CallerDeadline: tt.config})
				m := guarded(sys, resil.GuardSpec{Breaker: &resil.Breaker{Failures: 1}}, resil.MethodSpec{Timeout: resil.Timeout{Attempt: tt.attempt}})
				ctx, cancel := context.WithTimeout(t.Context(), tt.budget)
				defer cancel()
				_, err := resil.Call(ctx, m, func(ctx context.Context) (int, error) {
					<-ctx.Done()
					return 0, ctx.Err()
				})
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("err = %v", err)
				}
				if open := sys.Status().Dependencies[0].Breaker == resil.BreakerOpen; open != tt.opens {
					t.Errorf("breaker open = %v, want %v", open, tt.opens)
				}
				synctest.Wait()
			})
		})
	}
}

func TestCallerIsJudgedByItsContextNotByTheError(t *testing.T) {
	sys := newSystem(t, resil.Config{})
	m := guarded(sys, resil.GuardSpec{Breaker: &resil.Breaker{Failures: 1}}, resil.MethodSpec{})
	cause := errors.New("another shard failed")
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := resil.Call(ctx, m, func(ctx context.Context) (int, error) {
		cancel(cause)
		return 0, context.Cause(ctx) // as errgroup users see it: no context.Canceled in sight
	})
	if !errors.Is(err, cause) {
		t.Errorf("err = %v, want the cause", err)
	}
	if got := sys.Status().Dependencies[0].Breaker; got != resil.BreakerClosed {
		t.Errorf("breaker = %v after a cancelled call", got)
	}
	_, err = resil.Call(t.Context(), m, func(context.Context) (int, error) { return 0, context.Canceled })
	if got := sys.Status().Dependencies[0].Breaker; got != resil.BreakerOpen {
		t.Errorf("breaker = %v after the server cancelled (%v), want open", got, err)
	}
}

func TestContextDoneOnEntryTouchesNothing(t *testing.T) {
	sys := newSystem(t, resil.Config{})
	m := guarded(sys, resil.GuardSpec{}, resil.MethodSpec{Rate: &resil.Rate{N: 1, Per: time.Hour}, Fallbacks: []resil.Fallback{{Strategy: resil.StrategyZero}}})
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("client hung up")
	cancel(why)
	_, err := resil.Call(ctx, m, func(context.Context) (int, error) { t.Error("the client was called"); return 0, nil })
	if !errors.Is(err, context.Canceled) || !errors.Is(err, why) {
		t.Errorf("err = %v, want context.Canceled and the cause", err)
	}
	if _, err := resil.Call(t.Context(), m, func(context.Context) (int, error) { return 0, nil }); err != nil {
		t.Errorf("the rate limit was touched: %v", err)
	}
}
