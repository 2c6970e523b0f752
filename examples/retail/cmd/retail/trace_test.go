package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
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
	"github.com/resilgo/resil/tools/servers"
)

// patience bounds every wait; reaching it is a failure.
const patience = 60 * time.Second

var withJaeger = flag.Bool("jaeger", false, "look at the traces in a real Jaeger; builds it the first time")

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
		case *common.AnyValue_IntValue:
			return strconv.FormatInt(v.IntValue, 10)
		case *common.AnyValue_BoolValue:
			return strconv.FormatBool(v.BoolValue)
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

// degraded makes a request whose price comes from a fallback, because the
// language model answers 500. Caller and service are processes of their own
// that send their traces as env says.
func degraded(t *testing.T, env ...string) {
	t.Helper()
	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "overloaded: key sk-secret", http.StatusInternalServerError)
	}))
	t.Cleanup(model.Close)
	env = append(env, "OTEL_BSP_SCHEDULE_DELAY=50")
	url := startService(t, append(env, "OPENAI_BASE_URL="+model.URL+"/v1", "OPENAI_API_KEY=sk-secret")...)

	for _, kv := range env {
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
}

// Such a request is one trace: from the caller's process over HTTP to the
// service's, down to the guard's decisions and the model's answers.
func TestOneTraceTellsADegradedRequest(t *testing.T) {
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(strings.TrimSuffix(protocol, "/protobuf"), func(t *testing.T) {
			s := newSink()
			endpoint := s.listen(t, protocol)
			degraded(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL="+protocol)

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
			second := s.find(t, "retail", "openai.SuggestPrice attempt")
			if links := second.GetLinks(); string(second.GetParentSpanId()) != string(guard.GetSpanId()) || len(links) != 1 || string(links[0].GetSpanId()) != string(guard.GetSpanId()) {
				t.Errorf("the second attempt has the links %v; want to be below the call, linked to the attempt it repeats", links)
			}
			// The call was answered; that the model replied 500 stands where it did.
			if got := attribute(guard.GetAttributes(), "error.type"); got != "" || guard.GetStatus().GetCode() == trace.Status_STATUS_CODE_ERROR {
				t.Errorf("the answered call has error.type %q and status %v", got, guard.GetStatus())
			}
			for what, attributes := range map[string][]*common.KeyValue{"the first attempt": guard.GetEvents()[0].GetAttributes(), "the second attempt": second.GetAttributes()} {
				if kind, status := attribute(attributes, "error.type"), attribute(attributes, "http.response.status_code"); kind != "500" || status != "500" {
					t.Errorf("%s has error.type %q and http.response.status_code %q; want 500", what, kind, status)
				}
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

// On demand, since Jaeger takes minutes to build: a real backend takes what the
// processes send and shows the request as one trace over both.
func TestJaegerShowsADegradedRequest(t *testing.T) {
	if !*withJaeger {
		t.Log("run with -jaeger to look at the traces in a real Jaeger")
		return
	}
	otlp := freeAddr(t)
	jaeger := servers.Test(t, servers.Jaeger(otlp))
	degraded(t, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+otlp, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf")

	type jaegerSpan struct {
		SpanID, OperationName, ProcessID string
		References                       []struct{ RefType, SpanID string }
		Tags                             []struct {
			Key   string
			Value any
		}
		Logs []struct {
			Fields []struct {
				Key   string
				Value any
			}
		}
	}
	var found struct {
		Data []struct {
			Spans     []jaegerSpan
			Processes map[string]struct{ ServiceName string }
		}
	}
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	spans := map[string]jaegerSpan{}
	services := map[string]bool{}
	for spans["openai.SuggestPrice"].SpanID == "" || spans["HTTP GET"].SpanID == "" {
		select {
		case <-look.C:
		case <-deadline.C:
			t.Fatalf("Jaeger shows only %v of %v within %s", spans, services, patience)
		}
		_, text := call(t, http.MethodGet, jaeger.URL+"/api/traces?service=retail&operation=openai.SuggestPrice", "")
		if err := json.Unmarshal([]byte(text), &found); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		for _, trace := range found.Data {
			for _, s := range trace.Spans {
				spans[s.OperationName] = s
				services[trace.Processes[s.ProcessID].ServiceName] = true
			}
		}
	}
	if len(found.Data) != 1 || !services["retail"] || !services["caller"] {
		t.Errorf("%d traces of %v; want one over both processes", len(found.Data), services)
	}
	guard := spans["openai.SuggestPrice"]
	events := map[any]bool{}
	for _, log := range guard.Logs {
		for _, f := range log.Fields {
			if f.Key == "event" {
				events[f.Value] = true
			}
		}
	}
	for _, want := range []string{"resil.attempt", "resil.wait", "resil.fallback"} {
		if !events[want] {
			t.Errorf("the guard's span has the events %v; want %s among them", events, want)
		}
	}
	linked := false
	for _, r := range spans["openai.SuggestPrice attempt"].References {
		linked = linked || r.RefType == "FOLLOWS_FROM" && r.SpanID == guard.SpanID
	}
	if !linked {
		t.Errorf("the second attempt has the references %+v; want a link to the first", spans["openai.SuggestPrice attempt"].References)
	}
}
