package grpcguard_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/grpcguard"
)

// A caller who leaves gets the code that gRPC itself gives, whatever attempts
// before it said.
func TestCallersWhoLeaveGetTheContextsCode(t *testing.T) {
	srv := &service{unary: func(context.Context) error { return status.Error(codes.Unavailable, "away") }}
	guard := grpcguard.New(newSystem(t), grpcguard.Config{
		Kind: func(string) resil.Kind { return resil.Read },
		Default: grpcguard.Policies{
			Breaker: &resil.Breaker{Failures: 100},
			Retry:   &resil.Retry{Attempts: 100, Base: time.Hour, Max: time.Hour},
		},
	})
	failed := make(chan struct{}, 10)
	inside := grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		defer func() { failed <- struct{}{} }()
		return invoke(ctx, method, req, reply, cc, opts...)
	})
	client := pb.NewTestServiceClient(dial(t, srv, nil, append(guard.DialOptions(), inside)...))
	check := func(what string, err error, code codes.Code, also ...error) {
		t.Helper()
		if status.Code(err) != code {
			t.Errorf("%s: code %s of %v, want %s", what, status.Code(err), err, code)
		}
		for _, e := range also {
			if !errors.Is(err, e) {
				t.Errorf("%s: %v is not %v", what, err, e)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-failed
		cancel()
	}()
	_, err := client.UnaryCall(ctx, &pb.SimpleRequest{})
	check("cancelled in the backoff", err, codes.Canceled)
	_, err = client.UnaryCall(ctx, &pb.SimpleRequest{})
	check("cancelled on entry", err, codes.Canceled, context.Canceled)
	_, err = client.StreamingOutputCall(ctx, &pb.StreamingOutputCallRequest{})
	check("stream cancelled on entry", err, codes.Canceled, context.Canceled)
	past, stop := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer stop()
	_, err = client.UnaryCall(past, &pb.SimpleRequest{})
	check("late on entry", err, codes.DeadlineExceeded, context.DeadlineExceeded)
}
