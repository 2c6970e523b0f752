// Package telemetry sends the service's traces to an OpenTelemetry collector.
package telemetry

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// Start makes the process export its traces when OTEL_EXPORTER_OTLP_ENDPOINT is
// set, by OTEL_EXPORTER_OTLP_PROTOCOL "http/protobuf" (the default) or "grpc";
// the exporters read the other OTEL_ variables themselves. Call it before the
// clients are made. stop sends what is left; call it last.
func Start(ctx context.Context, getenv func(string) string, service string) (stop func(context.Context) error, err error) {
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))
	if getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" {
		return func(context.Context) error { return nil }, nil
	}
	var client otlptrace.Client
	switch protocol := getenv("OTEL_EXPORTER_OTLP_PROTOCOL"); protocol {
	case "", "http/protobuf":
		client = otlptracehttp.NewClient()
	case "grpc":
		client = otlptracegrpc.NewClient()
	default:
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL is %q; want http/protobuf or grpc", protocol)
	}
	exporter, err := otlptrace.New(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	described, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", service)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(described))
	otel.SetTracerProvider(provider)
	return provider.Shutdown, nil
}

// Server makes h continue the traces of its callers. Probes of the orchestrator
// are left out.
func Server(h http.Handler) http.Handler {
	return otelhttp.NewHandler(h, "retail",
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return r.Method + " " + r.URL.Path }),
		otelhttp.WithFilter(func(r *http.Request) bool { return r.URL.Path != "/healthz" && r.URL.Path != "/readyz" }))
}

// KeptConnections is how many idle connections to one server a client keeps.
const KeptConnections = 64

// Client returns an HTTP client whose requests are spans and carry the trace
// on. It has no timeout and no retries: both are the guards' business. It keeps
// [KeptConnections] where net/http keeps two and dials anew for whoever comes
// while those are taken.
func Client() *http.Client {
	return &http.Client{Transport: otelhttp.NewTransport(&http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		ForceAttemptHTTP2:   true,
		TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConnsPerHost: KeptConnections,
		IdleConnTimeout:     90 * time.Second,
	})}
}
