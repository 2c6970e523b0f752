package grpcguard_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/durationpb"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/grpcguard"
)

const dependency = "grpc.testing.testservice"

func newSystem(t *testing.T) *resil.System {
	t.Helper()
	sys, err := resil.New(resil.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return sys
}

// service is a real server whose methods a test sets.
type service struct {
	pb.UnimplementedTestServiceServer
	calls  atomic.Int32
	unary  func(ctx context.Context) error
	many   func(pb.TestService_StreamingOutputCallServer) error
	duplex func(pb.TestService_FullDuplexCallServer) error
}

func (s *service) UnaryCall(ctx context.Context, _ *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	s.calls.Add(1)
	if s.unary != nil {
		if err := s.unary(ctx); err != nil {
			return nil, err
		}
	}
	return &pb.SimpleResponse{Username: "ok"}, nil
}

func (s *service) StreamingOutputCall(_ *pb.StreamingOutputCallRequest, out pb.TestService_StreamingOutputCallServer) error {
	s.calls.Add(1)
	return s.many(out)
}

func (s *service) StreamingInputCall(in pb.TestService_StreamingInputCallServer) error {
	s.calls.Add(1)
	n := int32(0)
	for {
		_, err := in.Recv()
		if errors.Is(err, io.EOF) {
			return in.SendAndClose(&pb.StreamingInputCallResponse{AggregatedPayloadSize: n})
		}
		if err != nil {
			return err
		}
		n++
	}
}

func (s *service) FullDuplexCall(d pb.TestService_FullDuplexCallServer) error {
	s.calls.Add(1)
	return s.duplex(d)
}

// dial starts the service and returns a stub through the guard.
func dial(t *testing.T, srv *service, options []grpc.ServerOption, dialOptions ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	lis := bufconn.Listen(1 << 20)
	server := grpc.NewServer(options...)
	pb.RegisterTestServiceServer(server, srv)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(lis) })
	conn, err := grpc.NewClient("passthrough:///buf", append(dialOptions,
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
		serving.Wait()
	})
	return conn
}

func guarded(t *testing.T, srv *service, cfg grpcguard.Config) (pb.TestServiceClient, *resil.System) {
	t.Helper()
	sys := newSystem(t)
	return pb.NewTestServiceClient(dial(t, srv, nil, grpcguard.New(sys, cfg).DialOptions()...)), sys
}

func breaker(t *testing.T, sys *resil.System) resil.BreakerState {
	t.Helper()
	for _, d := range sys.Status().Dependencies {
		if d.Name == dependency {
			return d.Breaker
		}
	}
	t.Fatalf("no dependency %s in %+v", dependency, sys.Status().Dependencies)
	return 0
}

// eventually waits for what another goroutine is about to do.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for begin := time.Now(); !done(); time.Sleep(time.Millisecond) {
		if time.Since(begin) > 20*time.Second {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestCodesAreVerdicts(t *testing.T) {
	for code := codes.OK; code <= codes.Unauthenticated; code++ {
		answer := slices.Contains([]codes.Code{
			codes.OK, codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.FailedPrecondition, codes.PermissionDenied, codes.Unauthenticated,
		}, code)
		t.Run(code.String(), func(t *testing.T) {
			srv := &service{unary: func(context.Context) error { return status.Error(code, "text") }}
			client, sys := guarded(t, srv, grpcguard.Config{Default: grpcguard.Policies{Breaker: &resil.Breaker{Failures: 2}}})
			for range 2 {
				_, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{})
				if status.Code(err) != code {
					t.Fatalf("code %s, want %s", status.Code(err), code)
				}
			}
			if open := breaker(t, sys) == resil.BreakerOpen; open == answer {
				t.Errorf("breaker open: %v", open)
			}
		})
	}
}

func TestOurOwnErrorsHaveCodes(t *testing.T) {
	release := make(chan struct{})
	srv := &service{unary: func(ctx context.Context) error {
		select {
		case <-release:
		case <-ctx.Done():
		}
		return nil
	}}
	client, sys := guarded(t, srv, grpcguard.Config{Default: grpcguard.Policies{Timeout: resil.Timeout{Attempt: 50 * time.Millisecond}}})
	check := func(what string, err, want error, code codes.Code) {
		t.Helper()
		if !errors.Is(err, want) || status.Code(err) != code {
			t.Errorf("%s: %v with code %s, want %v and %s", what, err, status.Code(err), want, code)
		}
		if ex, ok := resil.Explain(err); !ok || ex.Dependency != dependency || ex.Method != "UnaryCall" {
			t.Errorf("%s: explained as %+v", what, ex)
		}
	}
	_, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{})
	check("timeout", err, resil.ErrTimeout, codes.DeadlineExceeded)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("timeout: %v is not context.DeadlineExceeded", err)
	}
	patient, _ := guarded(t, srv, grpcguard.Config{Default: grpcguard.Policies{Bulkhead: &resil.Bulkhead{Max: 1}}})
	var first sync.WaitGroup
	first.Go(func() { _, _ = patient.UnaryCall(context.Background(), &pb.SimpleRequest{}) })
	eventually(t, "the call to arrive", func() bool { return srv.calls.Load() == 2 })
	_, err = patient.UnaryCall(t.Context(), &pb.SimpleRequest{})
	check("bulkhead", err, resil.ErrBulkheadFull, codes.ResourceExhausted)
	close(release)
	first.Wait()
	if err := sys.Dependency(dependency).Force(true, time.Minute, "test"); err != nil {
		t.Fatal(err)
	}
	_, err = client.UnaryCall(t.Context(), &pb.SimpleRequest{})
	check("open", err, resil.ErrOpen, codes.Unavailable)
	if err := sys.Force(resil.Emergency, time.Minute, "test"); err != nil {
		t.Fatal(err)
	}
	_, err = client.UnaryCall(t.Context(), &pb.SimpleRequest{})
	check("shed", err, resil.ErrShed, codes.Unavailable)
}

func TestRetriesOnlyReadsAndWaitsForRetryInfo(t *testing.T) {
	busy := status.New(codes.Unavailable, "busy")
	busy, err := busy.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(200 * time.Millisecond)})
	if err != nil {
		t.Fatal(err)
	}
	for _, read := range []bool{true, false} {
		srv := &service{}
		srv.unary = func(context.Context) error {
			if srv.calls.Load() == 1 {
				return busy.Err()
			}
			return nil
		}
		client, _ := guarded(t, srv, grpcguard.Config{
			Default: grpcguard.Policies{Retry: &resil.Retry{Attempts: 3, Base: time.Millisecond, Max: time.Millisecond, Budget: 1}},
			Kind: func(full string) resil.Kind {
				if full != "/grpc.testing.TestService/UnaryCall" {
					t.Errorf("asked for the kind of %q", full)
				}
				if read {
					return resil.Read
				}
				return resil.Write
			},
		})
		begin := time.Now()
		reply, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{})
		switch {
		case read && (err != nil || reply.GetUsername() != "ok" || time.Since(begin) < 200*time.Millisecond):
			t.Errorf("read: %v, %v after %s; want an answer after 200ms", reply, err, time.Since(begin))
		case !read && (status.Code(err) != codes.Unavailable || srv.calls.Load() != 1):
			t.Errorf("write: %v after %d calls", err, srv.calls.Load())
		}
	}
}

func TestStreamsDeliverEverything(t *testing.T) {
	srv := &service{
		many: func(out pb.TestService_StreamingOutputCallServer) error {
			for range 100 {
				if err := out.Send(&pb.StreamingOutputCallResponse{}); err != nil {
					return err
				}
			}
			return nil
		},
		duplex: func(d pb.TestService_FullDuplexCallServer) error {
			for {
				_, err := d.Recv()
				if errors.Is(err, io.EOF) {
					return nil
				}
				if err != nil {
					return err
				}
				if err := d.Send(&pb.StreamingOutputCallResponse{}); err != nil {
					return err
				}
			}
		},
	}
	before := runtime.NumGoroutine()
	client, sys := guarded(t, srv, grpcguard.Config{Default: grpcguard.Policies{Timeout: resil.Timeout{Attempt: 400 * time.Millisecond}, Bulkhead: &resil.Bulkhead{Max: 1}}})
	for range 3 {
		out, err := client.StreamingOutputCall(t.Context(), &pb.StreamingOutputCallRequest{})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for {
			if n == 1 {
				time.Sleep(500 * time.Millisecond) // past the timeout, which bounds the first message
			}
			if _, err := out.Recv(); err != nil {
				if !errors.Is(err, io.EOF) {
					t.Error(err)
				}
				break
			}
			n++
		}
		if n != 100 || out.Context().Err() == nil {
			t.Errorf("%d messages, stream's context %v; want 100 and an ended one", n, out.Context().Err())
		}
	}
	in, err := client.StreamingInputCall(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if err := in.Send(&pb.StreamingInputCallRequest{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	if sum, err := in.CloseAndRecv(); err != nil || sum.GetAggregatedPayloadSize() != 10 {
		t.Errorf("%v, %v", sum, err)
	}
	var d pb.TestService_FullDuplexCallClient
	eventually(t, "the place of the stream before", func() bool {
		d, err = client.FullDuplexCall(t.Context())
		return !errors.Is(err, resil.ErrBulkheadFull)
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := d.Send(&pb.StreamingOutputCallRequest{}); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.CloseSend(); err != nil {
		t.Error(err)
	}
	if _, err := d.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("end: %v", err)
	}
	if breaker(t, sys) != resil.BreakerClosed {
		t.Error("good streams opened the breaker")
	}
	eventually(t, "the goroutines of streams to end", func() bool { return runtime.NumGoroutine() < before+15 })
}

func TestStreamsAreJudgedByTheirFirstAnswer(t *testing.T) {
	down := status.Error(codes.Unavailable, "down")
	for _, tc := range []struct {
		name string
		many func(pb.TestService_StreamingOutputCallServer) error
		open bool
	}{
		{"fails before the first message", func(pb.TestService_StreamingOutputCallServer) error { return down }, true},
		{"answers that there is nothing", func(pb.TestService_StreamingOutputCallServer) error { return status.Error(codes.NotFound, "") }, false},
		{"ends without a message", func(pb.TestService_StreamingOutputCallServer) error { return nil }, false},
		{"answers", func(o pb.TestService_StreamingOutputCallServer) error {
			return o.Send(&pb.StreamingOutputCallResponse{})
		}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client, sys := guarded(t, &service{many: tc.many}, grpcguard.Config{Default: grpcguard.Policies{Breaker: &resil.Breaker{Failures: 2}}})
			for range 2 {
				out, err := client.StreamingOutputCall(t.Context(), &pb.StreamingOutputCallRequest{})
				if err != nil {
					t.Fatal(err)
				}
				for err == nil {
					_, err = out.Recv()
				}
			}
			if !tc.open {
				if got := breaker(t, sys); got != resil.BreakerClosed {
					t.Errorf("breaker %s", got)
				}
				return
			}
			eventually(t, "the breaker to open", func() bool { return breaker(t, sys) == resil.BreakerOpen })
			if _, err := client.StreamingOutputCall(t.Context(), &pb.StreamingOutputCallRequest{}); !errors.Is(err, resil.ErrOpen) || status.Code(err) != codes.Unavailable {
				t.Errorf("a stream past the open breaker: %v", err)
			}
		})
	}
}

func TestBrokenStreamsCount(t *testing.T) {
	srv := &service{many: func(o pb.TestService_StreamingOutputCallServer) error {
		if err := o.Send(&pb.StreamingOutputCallResponse{}); err != nil {
			return err
		}
		return status.Error(codes.DataLoss, "broke")
	}}
	client, sys := guarded(t, srv, grpcguard.Config{Default: grpcguard.Policies{Breaker: &resil.Breaker{Ratio: 0.4, Min: 10}}})
	for range 10 {
		out, err := client.StreamingOutputCall(t.Context(), &pb.StreamingOutputCallRequest{})
		if errors.Is(err, resil.ErrOpen) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = out.Recv()
		}
	}
	eventually(t, "the breaker to open", func() bool { return breaker(t, sys) == resil.BreakerOpen })
}

func TestAbandonedStreamsAreNeutralAndLeaveNothing(t *testing.T) {
	srv := &service{duplex: func(d pb.TestService_FullDuplexCallServer) error { <-d.Context().Done(); return nil }}
	client, sys := guarded(t, srv, grpcguard.Config{Default: grpcguard.Policies{Breaker: &resil.Breaker{Failures: 1}, Bulkhead: &resil.Bulkhead{Max: 1}}})
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		var err error
		eventually(t, "a place in the bulkhead", func() bool {
			_, err = client.FullDuplexCall(ctx)
			return !errors.Is(err, resil.ErrBulkheadFull)
		})
		if err != nil {
			t.Fatal(err)
		}
		cancel()
	}
	if got := breaker(t, sys); got != resil.BreakerClosed {
		t.Errorf("breaker %s after streams that their callers left", got)
	}
}

func TestSilentServersMeetTheTimeout(t *testing.T) {
	srv := &service{many: func(o pb.TestService_StreamingOutputCallServer) error { <-o.Context().Done(); return nil }}
	client, sys := guarded(t, srv, grpcguard.Config{Default: grpcguard.Policies{Timeout: resil.Timeout{Attempt: 50 * time.Millisecond}, Breaker: &resil.Breaker{Failures: 1}}})
	out, err := client.StreamingOutputCall(t.Context(), &pb.StreamingOutputCallRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Recv(); err == nil {
		t.Error("a silent stream gave a message")
	}
	eventually(t, "the breaker to open", func() bool { return breaker(t, sys) == resil.BreakerOpen })
}

func TestPanicsFurtherInReachTheCaller(t *testing.T) {
	sys := newSystem(t)
	guard := grpcguard.New(sys, grpcguard.Config{Default: grpcguard.Policies{Bulkhead: &resil.Bulkhead{Max: 1}}})
	for range 2 {
		func() {
			defer func() {
				if v := recover(); v != "boom" {
					t.Errorf("recovered %v", v)
				}
			}()
			_, _ = guard.Stream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, nil, "/a.B/C", func(context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, ...grpc.CallOption) (grpc.ClientStream, error) {
				panic("boom")
			})
		}()
	}
}

func TestNamesAndBounds(t *testing.T) {
	sys := newSystem(t)
	guard := grpcguard.New(sys, grpcguard.Config{
		Max: 3,
		Dependency: func(service string) string {
			if service == "free.Service" {
				return ""
			}
			return strings.ToLower(service)
		},
		Services: map[string]grpcguard.Policies{"known.service": {Criticality: resil.Critical}},
	})
	for _, full := range []string{"/free.Service/M", "/a.B/M", "/a.B/N", "/a.B/O", "/a.B/P", "/c.D/Q"} {
		err := guard.Unary(t.Context(), full, nil, nil, nil, func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return nil })
		if err != nil {
			t.Error(err)
		}
	}
	var got []string
	for _, d := range sys.Status().Dependencies {
		for _, m := range d.Methods {
			got = append(got, d.Name+"/"+m.Name)
		}
		if len(d.Methods) == 0 {
			got = append(got, d.Name+" "+d.Criticality.String())
		}
	}
	if want := []string{"a.b/M", "a.b/N", "a.b/O", "known.service critical", "other-services/other"}; !slices.Equal(got, want) {
		t.Errorf("guards %q, want %q", got, want)
	}
}

func TestServerSheds(t *testing.T) {
	sys := newSystem(t)
	var seen atomic.Value
	srv := &service{unary: func(ctx context.Context) error {
		r, _ := resil.RequestFrom(ctx)
		seen.Store(r)
		return nil
	}, many: func(o pb.TestService_StreamingOutputCallServer) error {
		r, _ := resil.RequestFrom(o.Context())
		seen.Store(r)
		return nil
	}}
	for _, trust := range []bool{false, true} {
		server := grpcguard.NewServer(sys, grpcguard.ServerConfig{Trust: trust, Route: func(full string) grpcguard.Route {
			if strings.HasSuffix(full, "/StreamingOutputCall") {
				return grpcguard.Route{Until: resil.Optimal}
			}
			return grpcguard.Route{Criticality: resil.High}
		}})
		client := pb.NewTestServiceClient(dial(t, srv, server.ServerOptions(), grpcguard.New(newSystem(t), grpcguard.Config{}).DialOptions()...))
		if err := sys.Force(resil.Minimal, 30*time.Second, "test"); err != nil {
			t.Fatal(err)
		}
		var header metadata.MD
		if _, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{}, grpc.Header(&header)); err != nil {
			t.Errorf("a high one at minimal: %v", err)
		}
		if got := header.Get("resil-level"); !slices.Equal(got, []string{"minimal"}) {
			t.Errorf("header %v", header)
		}
		if r := seen.Load(); r != (resil.Request{Level: resil.Minimal, Criticality: resil.High}) {
			t.Errorf("context has %+v", r)
		}
		out, err := client.StreamingOutputCall(t.Context(), &pb.StreamingOutputCallRequest{})
		if err == nil {
			_, err = out.Recv()
		}
		if status.Code(err) != codes.Unavailable {
			t.Errorf("a stream beyond its level: %v", err)
		}
		if err := sys.Force(resil.Emergency, 30*time.Second, "test"); err != nil {
			t.Fatal(err)
		}
		ctx := resil.WithRequest(t.Context(), resil.Request{Criticality: resil.Critical})
		_, err = client.UnaryCall(ctx, &pb.SimpleRequest{})
		if trust != (err == nil) {
			t.Errorf("trust %v: a client that says critical gets %v", trust, err)
		}
		if err != nil {
			s, _ := status.FromError(err)
			if len(s.Details()) != 1 || s.Details()[0].(*errdetails.RetryInfo).GetRetryDelay().AsDuration() < 20*time.Second {
				t.Errorf("details %v, want the rest of the force", s.Details())
			}
		}
	}
}

func TestHealthService(t *testing.T) {
	sys := newSystem(t)
	sys.Dependency("db", resil.Critical)
	lis := bufconn.Listen(1 << 20)
	server := grpc.NewServer(grpcguard.NewServer(sys, grpcguard.ServerConfig{}).ServerOptions()...)
	healthpb.RegisterHealthServer(server, grpcguard.Health(sys))
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(lis) })
	defer serving.Wait()
	defer server.Stop()
	conn, err := grpc.NewClient("passthrough:///buf", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // a test's connection
	client := healthpb.NewHealthClient(conn)
	check := func(service string, want healthpb.HealthCheckResponse_ServingStatus) {
		t.Helper()
		got, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: service})
		if err != nil || got.GetStatus() != want {
			t.Errorf("%q: %v, %v; want %s", service, got.GetStatus(), err, want)
		}
	}
	const up, down = healthpb.HealthCheckResponse_SERVING, healthpb.HealthCheckResponse_NOT_SERVING
	check("", down) // not started
	check("db", up)
	if _, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "nosuch"}); status.Code(err) != codes.NotFound {
		t.Errorf("unknown service: %v", err)
	}
	watch, err := client.Watch(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	next := func(want healthpb.HealthCheckResponse_ServingStatus) {
		t.Helper()
		got, err := watch.Recv()
		if err != nil || got.GetStatus() != want {
			t.Errorf("watched %v, %v; want %s", got.GetStatus(), err, want)
		}
	}
	next(down)
	if err := sys.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer sys.Close(t.Context()) //nolint:errcheck // a test's system
	next(up)
	if err := sys.Dependency("db").Force(true, time.Minute, "test"); err != nil {
		t.Fatal(err)
	}
	check("db", down)
	check("", up)
	if err := sys.Force(resil.Emergency, time.Minute, "test"); err != nil {
		t.Fatal(err)
	}
	next(down)
	check("", down) // and served, at a level that serves nothing else
	all, err := client.List(t.Context(), &healthpb.HealthListRequest{})
	if err != nil || len(all.GetStatuses()) != 2 {
		t.Errorf("list %v, %v", all, err)
	}
}
