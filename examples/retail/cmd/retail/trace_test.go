package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/resilgo/resil/examples/retail/internal/telemetry"
)

// patience bounds every wait; reaching it is a failure.
const patience = 60 * time.Second

// TestMain lets the test binary be the service: the service under test is a
// process of its own.
func TestMain(m *testing.M) {
	if os.Getenv("RETAIL_TEST_SERVICE") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// sink is an OTLP collector: the real wire format, kept in memory.
type sink struct {
	collector.UnimplementedTraceServiceServer
	mu    sync.Mutex
	spans []span
	more  chan struct{}
}

type span struct {
	*trace.Span
	service string
}

func newSink() *sink { return &sink{more: make(chan struct{}, 1)} }

func (s *sink) Export(_ context.Context, r *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rs := range r.GetResourceSpans() {
		service := attribute(rs.GetResource().GetAttributes(), "service.name")
		for _, ss := range rs.GetScopeSpans() {
			for _, sp := range ss.GetSpans() {
				s.spans = append(s.spans, span{sp, service})
			}
		}
	}
	select {
	case s.more <- struct{}{}:
	default:
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var request collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &request)
	}
	if err != nil || r.URL.Path != "/v1/traces" {
		http.Error(w, "not OTLP", http.StatusBadRequest)
		return
	}
	answer, _ := s.Export(r.Context(), &request)
	out, _ := proto.Marshal(answer)
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(out)
}

// find waits for a span of a service.
func (s *sink) find(t *testing.T, service, name string) span {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		s.mu.Lock()
		spans := slices.Clone(s.spans)
		s.mu.Unlock()
		for _, sp := range spans {
			if sp.service == service && sp.GetName() == name {
				return sp
			}
		}
		select {
		case <-s.more:
		case <-deadline.C:
			var seen []string
			for _, sp := range spans {
				seen = append(seen, sp.service+" "+sp.GetName())
			}
			t.Fatalf("no span %q of %s within %s; seen: %q", name, service, patience, seen)
		}
	}
}

func attribute(all []*common.KeyValue, key string) string {
	for _, kv := range all {
		if kv.GetKey() != key {
			continue
		}
		switch v := kv.GetValue().GetValue().(type) {
		case *common.AnyValue_StringValue:
			return v.StringValue
		case *common.AnyValue_BoolValue:
			if v.BoolValue {
				return "true"
			}
			return "false"
		}
	}
	return ""
}

// listen starts the sink for a protocol and returns its endpoint.
func (s *sink) listen(t *testing.T, protocol string) string {
	t.Helper()
	if protocol == "grpc" {
		listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := grpc.NewServer()
		collector.RegisterTraceServiceServer(server, s)
		go server.Serve(listener) //nolint:errcheck // ends with Stop
		t.Cleanup(server.Stop)
		return "http://" + listener.Addr().String()
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server.URL
}

// freeAddr returns an address that was free a moment ago.
func freeAddr(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String()
}

// startService runs the service in a process of its own and returns its URL.
func startService(t *testing.T, env ...string) string {
	t.Helper()
	addr := freeAddr(t)
	service := exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0]) //nolint:gosec // ourselves; it ends by signal
	service.Env = append(os.Environ(), append([]string{
		"RETAIL_TEST_SERVICE=1", "RETAIL_ADDR=" + addr, "RETAIL_ADMIN_ADDR=127.0.0.1:0", "RETAIL_DATA=" + t.TempDir(),
	}, env...)...)
	log, err := service.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	open := make(chan bool, 1)
	var logged sync.WaitGroup
	logged.Go(func() {
		for lines := bufio.NewScanner(log); lines.Scan(); {
			if strings.Contains(lines.Text(), "customers=") {
				open <- true
			}
		}
		close(open)
	})
	t.Cleanup(func() {
		_ = service.Process.Signal(syscall.SIGTERM)
		logged.Wait()
		if err := service.Wait(); err != nil {
			t.Errorf("the service ended with %v", err)
		}
	})
	if !<-open {
		t.Fatal("the service did not open")
	}
	return "http://" + addr
}

func call(t *testing.T, method, url, body string) (status int, text string) {
	t.Helper()
	for {
		r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		response, err := telemetry.Client().Do(r)
		if err != nil {
			// The listener comes up right after the line in the log.
			if strings.Contains(err.Error(), "connection refused") && t.Context().Err() == nil {
				continue
			}
			t.Fatal(err)
		}
		defer response.Body.Close()
		b, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(b)
	}
}

// A request whose price comes from a fallback, because the language model
// answers 500, is one trace: from the caller's process over HTTP to the
// service's, down to the guard's decisions and the model's answers.
func TestOneTraceTellsADegradedRequest(t *testing.T) {
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(strings.TrimSuffix(protocol, "/protobuf"), func(t *testing.T) {
			s := newSink()
			endpoint := s.listen(t, protocol)
			model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				http.Error(w, "overloaded: key sk-secret", http.StatusInternalServerError)
			}))
			t.Cleanup(model.Close)
			otlp := []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL=" + protocol, "OTEL_BSP_SCHEDULE_DELAY=50"}
			url := startService(t, append(otlp, "OPENAI_BASE_URL="+model.URL+"/v1", "OPENAI_API_KEY=sk-secret")...)

			for _, kv := range otlp {
				key, value, _ := strings.Cut(kv, "=")
				t.Setenv(key, value)
			}
			flush, err := telemetry.Start(t.Context(), os.Getenv, "caller")
			if err != nil {
				t.Fatal(err)
			}
			if status, text := call(t, http.MethodPost, url+"/items", `{"sku":"mug","name":"Mug","description":"Holds tea","cost_cents":400}`); status != http.StatusCreated {
				t.Fatalf("%d %s", status, text)
			}
			status, text := call(t, http.MethodGet, url+"/items/mug/price-suggestion", "")
			if status != http.StatusOK || !strings.Contains(text, "520") {
				t.Fatalf("%d %s; want the basic price of 520", status, text)
			}
			if err := flush(t.Context()); err != nil {
				t.Fatal(err)
			}

			server := s.find(t, "retail", "GET /items/mug/price-suggestion")
			guard := s.find(t, "retail", "openai.SuggestPrice")
			post := s.find(t, "retail", "HTTP POST")
			caller := s.find(t, "caller", "HTTP GET")
			for child, parent := range map[*trace.Span]*trace.Span{server.Span: caller.Span, guard.Span: server.Span, post.Span: guard.Span} {
				if string(child.GetTraceId()) != string(caller.GetTraceId()) || string(child.GetParentSpanId()) != string(parent.GetSpanId()) {
					t.Errorf("%q is not a child of %q in the caller's trace", child.GetName(), parent.GetName())
				}
			}
			for key, want := range map[string]string{
				"resil.dependency": "openai", "resil.method": "SuggestPrice", "resil.outcome": "failure",
				"resil.degraded": "true", "resil.fallback.strategy": "call", "gen_ai.provider.name": "openai",
			} {
				if got := attribute(guard.GetAttributes(), key); got != want {
					t.Errorf("%s = %q; want %q", key, got, want)
				}
			}
			var events []string
			for _, e := range guard.GetEvents() {
				events = append(events, e.GetName())
			}
			if want := []string{"resil.attempt", "resil.wait", "resil.attempt", "resil.fallback"}; !slices.Equal(events, want) {
				t.Errorf("events %q; want %q", events, want)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, sp := range s.spans {
				if strings.Contains(sp.String(), "sk-secret") {
					t.Errorf("a secret is in the span %s", sp.String())
				}
			}
		})
	}
}
