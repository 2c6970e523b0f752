package grpcguard

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	resil "github.com/resilgo/resil/runtime"
)

const (
	healthService = "grpc.health.v1.Health"
	// look is how often Watch looks by itself: Start and Close are no changes
	// that it is told of.
	look = time.Second
)

// Health returns the standard health service. The empty service is the process:
// not serving before Start, after Close and in Emergency only, for a degraded
// one still serves. Every dependency is a service too: serving while it is up.
func Health(sys *resil.System) healthpb.HealthServer { return &health{sys: sys} }

type health struct {
	healthpb.UnimplementedHealthServer
	sys *resil.System
}

// Check implements the health service.
func (h *health) Check(_ context.Context, req *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	s, ok := h.statuses()[req.GetService()]
	if !ok {
		return nil, status.Error(codes.NotFound, "unknown service")
	}
	return s, nil
}

// List implements the health service.
func (h *health) List(context.Context, *healthpb.HealthListRequest) (*healthpb.HealthListResponse, error) {
	return &healthpb.HealthListResponse{Statuses: h.statuses()}, nil
}

// Watch implements the health service.
func (h *health) Watch(req *healthpb.HealthCheckRequest, stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
	changed := make(chan struct{}, 1)
	stop := h.sys.Subscribe(func(resil.Change) {
		select {
		case changed <- struct{}{}:
		default: // a look is due anyway
		}
	})
	defer stop()
	tick := time.NewTicker(look)
	defer tick.Stop()
	last := healthpb.HealthCheckResponse_UNKNOWN
	for {
		now := healthpb.HealthCheckResponse_SERVICE_UNKNOWN
		if s, ok := h.statuses()[req.GetService()]; ok {
			now = s.GetStatus()
		}
		if now != last {
			if err := stream.Send(&healthpb.HealthCheckResponse{Status: now}); err != nil {
				return err
			}
			last = now
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-stream.Context().Done():
			return status.FromContextError(stream.Context().Err()).Err()
		}
	}
}

// statuses returns the state of all services.
func (h *health) statuses() map[string]*healthpb.HealthCheckResponse {
	st := h.sys.Status()
	all := map[string]*healthpb.HealthCheckResponse{"": serving(st.Ready())}
	for _, d := range st.Dependencies {
		all[d.Name] = serving(d.Up)
	}
	return all
}

func serving(up bool) *healthpb.HealthCheckResponse {
	if up {
		return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING}
	}
	return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_NOT_SERVING}
}
