package grpcguard_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/grpcguard"
)

// The tests of this file speak to servers over TCP, in real time, side by side.

// answersIn is a timeout that no answer of a server in this process exceeds.
const answersIn = time.Second

// listen serves connections until the end of the test.
func listen(t *testing.T, serve func(net.Listener)) (addr string) {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { serve(lis) })
	t.Cleanup(func() {
		_ = lis.Close()
		serving.Wait()
	})
	return lis.Addr().String()
}

// over returns a stub through a guard to a server at addr.
func over(t *testing.T, addr string, p grpcguard.Policies) (pb.TestServiceClient, *resil.System) {
	t.Helper()
	sys := newSystem(t)
	sys.Metrics() // counts from now on
	guard := grpcguard.New(sys, grpcguard.Config{Default: p})
	conn, err := grpc.NewClient(addr, append(guard.DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return pb.NewTestServiceClient(conn), sys
}

// ended returns how many calls ended in some way.
func ended(sys *resil.System, o resil.Outcome) (n uint64) {
	for _, d := range sys.Metrics().Dependencies {
		for _, m := range d.Methods {
			n += m.Calls[o-1]
		}
	}
	return n
}

func TestServersThatSpeakNoGRPC(t *testing.T) {
	for name, tc := range map[string]struct {
		serve func(net.Conn)
		code  codes.Code
		ends  resil.Outcome
	}{
		"closes":                {func(net.Conn) {}, codes.Unavailable, resil.OutcomeFailure},
		"speaks something else": {func(c net.Conn) { _, _ = io.WriteString(c, "220 mail.example.com ESMTP\r\n") }, codes.Unavailable, resil.OutcomeFailure},
		"says nothing":          {func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, codes.DeadlineExceeded, resil.OutcomeTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := listen(t, func(lis net.Listener) {
				var serving sync.WaitGroup
				defer serving.Wait()
				for {
					c, err := lis.Accept()
					if err != nil {
						return
					}
					serving.Go(func() {
						defer c.Close() //nolint:errcheck // whatever has become of it
						tc.serve(c)
					})
				}
			})
			client, sys := over(t, addr, grpcguard.Policies{Timeout: resil.Timeout{Attempt: answersIn}})
			if _, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{}); status.Code(err) != tc.code {
				t.Errorf("a call: %v, want %s", err, tc.code)
			}
			if ended(sys, tc.ends) != 1 {
				t.Errorf("%+v, want one %s", sys.Metrics().Dependencies, tc.ends)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := client.UnaryCall(ctx, &pb.SimpleRequest{}); status.Code(err) != codes.Canceled {
				t.Errorf("a caller who left: %v", err)
			}
		})
	}
}

// TestServersThatGo stops a server while a stream is under way: by GOAWAY, which
// lets it end, and at once.
func TestServersThatGo(t *testing.T) {
	for name, tc := range map[string]struct {
		stop func(*grpc.Server)
		want error // at the end of the stream
	}{
		"with GOAWAY": {(*grpc.Server).GracefulStop, io.EOF},
		"at once":     {(*grpc.Server).Stop, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			more := make(chan struct{})
			srv := &service{many: func(out pb.TestService_StreamingOutputCallServer) error {
				if err := out.Send(&pb.StreamingOutputCallResponse{}); err != nil {
					return err
				}
				select {
				case <-more:
				case <-out.Context().Done():
				}
				return out.Send(&pb.StreamingOutputCallResponse{})
			}}
			server := grpc.NewServer()
			pb.RegisterTestServiceServer(server, srv)
			client, sys := over(t, listen(t, func(lis net.Listener) { _ = server.Serve(lis) }), grpcguard.Policies{
				Timeout: resil.Timeout{Attempt: answersIn}, Breaker: &resil.Breaker{Failures: 2},
			})
			t.Cleanup(server.Stop)
			out, err := client.StreamingOutputCall(t.Context(), &pb.StreamingOutputCallRequest{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := out.Recv(); err != nil {
				t.Fatal(err)
			}
			var stopping sync.WaitGroup
			stopping.Go(func() { tc.stop(server) })
			time.AfterFunc(answersIn+answersIn/5, func() { close(more) }) // the timeout is not the stream's
			var got error
			n := 0
			for got == nil {
				if _, got = out.Recv(); got == nil {
					n++
				}
			}
			stopping.Wait()
			if tc.want != nil && (!errors.Is(got, tc.want) || n != 1) {
				t.Errorf("%d more messages and then %v, want all of them", n, got)
			}
			if tc.want == nil && (status.Code(got) != codes.Unavailable || n != 0) {
				t.Errorf("%d more messages and then %v, want Unavailable", n, got)
			}
			eventually(t, "the breaker to open", func() bool {
				_, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{})
				if code := status.Code(err); code != codes.Unavailable {
					t.Fatalf("a server that is gone: %v, want Unavailable", err)
				}
				return errors.Is(err, resil.ErrOpen)
			})
			if ended(sys, resil.OutcomeSuccess) != 1 {
				t.Errorf("%+v, want the stream to have begun well", sys.Metrics().Dependencies)
			}
		})
	}
}
