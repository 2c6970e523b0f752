//go:build linux

package scenario_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/resilgo/resil/examples/retail/internal/app"
	"github.com/resilgo/resil/examples/retail/internal/config"
	resil "github.com/resilgo/resil/runtime"
)

// The service under test is a process of its own, so that it can be stopped,
// killed and frozen, and that what it keeps is its own. It is this test binary,
// started with these variables.
const (
	envService = "RETAIL_SCENARIO_SERVICE" // anything: be the service
	envPace    = "RETAIL_SCENARIO_PACE"    // quick: shorten the waits of levels and health checks
)

func TestMain(m *testing.M) {
	if os.Getenv(envService) == "" {
		os.Exit(m.Run())
	}
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "the service:", err)
		os.Exit(1)
	}
}

// serve is cmd/retail on free ports, which it prints, with a look at what it
// keeps.
func serve() (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	cfg, err := config.Load(os.Getenv)
	if err != nil {
		return err
	}
	policies := resil.Config{Logger: slog.New(slog.DiscardHandler)}
	if os.Getenv(envPace) == paceQuick {
		policies.Levels = resil.LevelConfig{Stable: 200 * time.Millisecond, MaxStable: 800 * time.Millisecond}
		policies.Health = resil.HealthConfig{Every: 400 * time.Millisecond, Timeout: 400 * time.Millisecond}
	}
	service, err := app.New(cfg, policies)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		err = errors.Join(err, service.Close(closing))
	}()
	if err := service.Start(ctx); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/", service.Operators)
	mux.HandleFunc("GET /kept", func(w http.ResponseWriter, _ *http.Request) {
		runtime.GC()
		runtime.GC() // the second frees what finalizers of the first let go
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		_ = json.NewEncoder(w).Encode(kept{Goroutines: runtime.NumGoroutine(), Heap: m.HeapAlloc})
	})
	addresses := make([]string, 0, 2)
	var sites []*http.Server
	for _, handler := range []http.Handler{service.Handler, mux} {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		site := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
		go func() { _ = site.Serve(listener) }() // returns when shut down
		sites = append(sites, site)
		addresses = append(addresses, "http://"+listener.Addr().String())
	}
	fmt.Fprintln(os.Stdout, strings.Join(addresses, " "))
	<-ctx.Done()
	for _, site := range sites {
		closing, cancel := context.WithTimeout(context.Background(), patience)
		err = errors.Join(err, site.Shutdown(closing))
		cancel()
	}
	return err
}

// kept is what the service holds on to after a garbage collection.
type kept struct {
	Goroutines int
	Heap       uint64 // bytes
}

// process is one running service.
type process struct {
	command  *exec.Cmd
	shop     string // URL for customers
	operator string // URL for operators
	log      *os.File
}

// launch starts the service, whose log goes into a folder, and waits until it listens.
func launch(t *testing.T, logs string, env []string) *process {
	t.Helper()
	log, err := os.CreateTemp(logs, "service-*.log")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), env...)
	command.Stderr = log
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	// The kernel sends Pdeathsig when the thread that started the child ends.
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		started <- command.Start()
		select {} // the thread stays; it costs nothing and ends with the test
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	p := &process{command: command, log: log}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the service did not open: %v\n%s", err, p.said())
	}
	p.shop, p.operator, _ = strings.Cut(strings.TrimSpace(line), " ")
	return p
}

// end ends the service by a signal and returns how it ended.
func (p *process) end(signal syscall.Signal) error {
	_ = p.command.Process.Signal(signal)
	return errors.Join(p.command.Wait(), p.log.Close())
}

func (p *process) said() string {
	text, err := os.ReadFile(p.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// policiesFile writes the overrides that a pace means: breakers that are open
// for shorter, and a cache that a busy machine does not make an outage of.
func policiesFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "policies.yml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// The paces of a service.
const (
	paceQuick      = "quick"
	paceDirectives = "directives"
)

const quickPolicies = `dependencies:
  db: {breaker: {open: 300ms}}
  redis: {breaker: {open: 300ms}, timeout: 600ms}
  openai: {breaker: {open: 300ms}}
  s3: {breaker: {open: 300ms}}
`
