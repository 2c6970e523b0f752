package grpcguard_test

import (
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/grpcguard"
)

func Example() {
	sys, err := resil.New(resil.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	// A client: every service called over the connection is a dependency.
	guard := grpcguard.New(sys, grpcguard.Config{Default: grpcguard.Policies{Breaker: &resil.Breaker{Failures: 3}}})
	options := append(guard.DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	conn, err := grpc.NewClient("prices.internal:443", options...)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close() //nolint:errcheck // an example's connection

	// A server: sheds by level, and tells its health.
	server := grpc.NewServer(grpcguard.NewServer(sys, grpcguard.ServerConfig{}).ServerOptions()...)
	healthpb.RegisterHealthServer(server, grpcguard.Health(sys))
	fmt.Println(len(server.GetServiceInfo()))
	// Output:
	// 1
}
