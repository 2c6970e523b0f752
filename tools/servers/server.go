//go:build linux

package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	startTimeout = 60 * time.Second
	stopTimeout  = 10 * time.Second
	probePause   = 25 * time.Millisecond
	// portTries bounds the attempts at a port that somebody else took between
	// the moment it was found free and the moment the server listens on it.
	portTries = 3
)

// Start starts one kind of server; [Redis] and [Postgres] are such functions.
// The context bounds the start only.
type Start func(ctx context.Context) (*Server, error)

// Server is one server that answers. It is not safe for concurrent use, but
// any number of clients may use what it serves meanwhile.
type Server struct {
	// Name is the kind: "postgres", "redis", "s3", "toxiproxy", "prometheus",
	// "alertmanager" or "jaeger".
	Name string
	// Addr is where it listens, as host:port. It stays over [Server.Restart].
	Addr string
	// URL is what a client wants: a DSN for PostgreSQL, else scheme://host:port.
	URL string

	recipe recipe
	binary string
	dir    string

	// process and exited belong to the current run; exited is closed when it
	// ended. Both are nil for a server that this package did not start.
	process *os.Process
	exited  chan struct{}
}

// recipe is all that differs from one kind of server to the next.
type recipe struct {
	name string
	// find returns the path of the executable, installing it where it lacks.
	find func(ctx context.Context) (string, error)
	// prepare fills the empty data folder; nil when there is nothing to do.
	prepare func(ctx context.Context, dir string) error
	// args is the command line for a server on host:port over the data folder.
	args func(dir, host, port string) []string
	// ready returns nil once the server at addr answers as it should.
	ready func(ctx context.Context, addr string) error
	// url makes Server.URL out of the address.
	url func(addr string) string
	// user is the system user to run as when we are root; "" for ourselves.
	user string
	// stop is the signal that ends the server in good order.
	stop syscall.Signal
}

// Test starts a server for one test and stops it when the test ends. A server
// that does not start fails the test, with the tail of its log.
func Test(tb testing.TB, start Start) *Server {
	tb.Helper()
	server, err := start(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("log of %s:\n%s", server.Name, server.Log())
		}
		if err := server.Stop(); err != nil {
			tb.Error(err)
		}
	})
	return server
}

// start makes and starts the server that r describes.
func start(ctx context.Context, r recipe) (*Server, error) {
	binary, err := r.find(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.name, err)
	}
	for try := 1; ; try++ {
		server, err := startOnFreePort(ctx, r, binary)
		if err == nil {
			return server, nil
		}
		if try == portTries || ctx.Err() != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
	}
}

func startOnFreePort(ctx context.Context, r recipe, binary string) (*Server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	dir, err := dataFolder(r)
	if err != nil {
		return nil, err
	}
	server := &Server{Name: r.name, Addr: addr, URL: r.url(addr), recipe: r, binary: binary, dir: dir}
	if r.prepare != nil {
		err = r.prepare(ctx, dir)
	}
	if err == nil {
		err = server.run(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	return server, nil
}

// freeAddr returns a loopback address that nobody listens on at the moment.
func freeAddr() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

func dataFolder(r recipe) (string, error) {
	dir, err := os.MkdirTemp("", "resil-"+r.name+"-")
	if err != nil {
		return "", err
	}
	owner, err := r.credential()
	if err == nil && owner != nil {
		err = os.Chown(dir, int(owner.Uid), int(owner.Gid))
	}
	return dir, err
}

// run starts the process and waits until it answers.
func (s *Server) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := s.launch(); err != nil {
		return err
	}
	for {
		err := s.recipe.ready(ctx, s.Addr)
		if err == nil {
			return nil
		}
		select {
		case <-s.exited:
			return fmt.Errorf("ended while starting; its log:\n%s", s.Log())
		case <-ctx.Done():
			return fmt.Errorf("does not answer at %s: %w; its log:\n%s", s.Addr, err, s.Log())
		case <-time.After(probePause):
		}
	}
}

// launch starts the process in a group of its own.
func (s *Server) launch() error {
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // the child holds its own descriptor
	owner, err := s.recipe.credential()
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return err
	}
	command := exec.Command(s.binary, s.recipe.args(s.dataDir(), host, port)...)
	command.Dir = s.dir
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:    true,
		Pdeathsig:  syscall.SIGKILL,
		Credential: owner,
	}
	started, exited := make(chan error, 1), make(chan struct{})
	go func() {
		// The kernel sends Pdeathsig when the thread that started the child
		// ends, not the process: the thread has to stay for as long as the child.
		runtime.LockOSThread()
		err := command.Start()
		started <- err
		if err == nil {
			_ = command.Wait() // how it ended is in its log
			close(exited)
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	s.process, s.exited = command.Process, exited
	return nil
}

// Stop ends the server in good order and removes its data. It does nothing to
// a server that runs by itself, and may be called again.
func (s *Server) Stop() error {
	s.end(s.recipe.stop)
	if s.dir == "" {
		return nil
	}
	dir := s.dir
	s.dir = ""
	return os.RemoveAll(dir)
}

// Kill ends the server at once, as a crash does. Data and address are kept for
// [Server.Restart].
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Restart starts the server again on its address and data, after [Server.Kill]
// or in place of the running process, which it ends in good order first.
func (s *Server) Restart(ctx context.Context) error {
	if s.dir == "" {
		return fmt.Errorf("%s at %s: not ours to restart", s.Name, s.Addr)
	}
	s.end(s.recipe.stop)
	return s.run(ctx)
}

// end signals the whole process group and waits until the process is gone.
func (s *Server) end(signal syscall.Signal) {
	if s.process == nil {
		return
	}
	// SIGKILL goes to all: a killed PostgreSQL must not leave its children behind.
	target := s.process.Pid
	if signal == syscall.SIGKILL {
		target = -target
	}
	_ = syscall.Kill(target, signal) // gone already is as good
	select {
	case <-s.exited:
	case <-time.After(stopTimeout):
		_ = syscall.Kill(-s.process.Pid, syscall.SIGKILL)
		<-s.exited
	}
	s.process = nil
}

// Log returns the last lines that the server wrote, "" for one that this
// package did not start.
func (s *Server) Log() string {
	const tail = 4096
	text, err := os.ReadFile(s.logFile())
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text[max(0, len(text)-tail):]))
}

func (s *Server) logFile() string { return filepath.Join(s.dir, "server.log") }

func (s *Server) dataDir() string { return filepath.Join(s.dir, "data") }
