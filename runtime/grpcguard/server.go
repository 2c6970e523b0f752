package grpcguard

import (
	"context"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/internal/wire"
)

// Route says how one method of a server degrades.
type Route struct {
	// Until is the worst level at which the method is served. 0 = by
	// criticality: low until Degraded, medium until Limited, high until
	// Minimal, critical always.
	Until resil.Level
	// Criticality of the calls; 0 = medium. A client's own word counts in its
	// place if ServerConfig.Trust is set.
	Criticality resil.Criticality
}

// ServerConfig tunes a [Server].
type ServerConfig struct {
	// Route tells how a method degrades, for example
	// "/grpc.health.v1.Health/Check". nil = all alike, as the zero Route. The
	// standard health service is always served.
	Route func(fullMethod string) Route
	// Trust believes the criticality that clients send: whoever can say
	// "critical" is served longest.
	Trust bool
}

// Server makes interceptors for servers. It is safe for concurrent use.
type Server struct {
	sys *resil.System
	cfg ServerConfig
}

// NewServer returns interceptors that follow the level of sys. They put level
// and criticality on the context, see [resil.RequestFrom], tell the level in
// the header, and refuse with Unavailable and a RetryInfo what the level does
// not serve.
func NewServer(sys *resil.System, cfg ServerConfig) *Server { return &Server{sys: sys, cfg: cfg} }

// ServerOptions returns the options that put the interceptors into a server.
func (s *Server) ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{grpc.ChainUnaryInterceptor(s.Unary), grpc.ChainStreamInterceptor(s.Stream)}
}

// Unary is a grpc.UnaryServerInterceptor.
func (s *Server) Unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	ctx, level, err := s.admit(ctx, info.FullMethod)
	if headerErr := grpc.SetHeader(ctx, level); headerErr != nil && err == nil {
		err = headerErr
	}
	if err != nil {
		return nil, err
	}
	return handle(ctx, req)
}

// Stream is a grpc.StreamServerInterceptor.
func (s *Server) Stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	ctx, level, err := s.admit(ss.Context(), info.FullMethod)
	if headerErr := ss.SetHeader(level); headerErr != nil && err == nil {
		err = headerErr
	}
	if err != nil {
		return err
	}
	return handle(srv, &serverStream{ss, ctx})
}

type serverStream struct {
	grpc.ServerStream
	ctx context.Context //nolint:containedctx // how gRPC streams carry it
}

func (s *serverStream) Context() context.Context { return s.ctx }

// admit returns the context and the header of a call, and an error if the level
// does not serve it.
func (s *Server) admit(ctx context.Context, full string) (context.Context, metadata.MD, error) {
	level := s.sys.Level()
	var route Route
	if s.cfg.Route != nil {
		route = s.cfg.Route(full)
	}
	criticality := s.criticality(ctx, route)
	until := route.Until
	if until == 0 {
		until = wire.Until(criticality)
	}
	ctx = resil.WithRequest(ctx, resil.Request{Level: level, Criticality: criticality})
	header := metadata.Pairs(wire.HeaderLevel, level.String())
	if service, _ := split(full); level <= until || service == healthService {
		return ctx, header, nil
	}
	return ctx, header, s.shed(level)
}

func (s *Server) criticality(ctx context.Context, route Route) resil.Criticality {
	if s.cfg.Trust {
		for _, value := range metadata.ValueFromIncomingContext(ctx, wire.HeaderCriticality) {
			if c := wire.Criticality(value); c != 0 {
				return c
			}
		}
	}
	if route.Criticality != 0 {
		return route.Criticality
	}
	return resil.Medium
}

func (s *Server) shed(level resil.Level) error {
	st := status.Newf(codes.Unavailable, "not served at level %s", level)
	wait := time.Duration(wire.RetryAfter(s.sys)) * time.Second
	if detailed, err := st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(wait)}); err == nil {
		st = detailed
	}
	return st.Err()
}
