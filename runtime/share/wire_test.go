//go:build linux

package share_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/share"
	"github.com/resilgo/resil/tools/servers"
)

// middlebox stands between clients and a server and does to connections what a
// test says.
type middlebox struct {
	net.Listener
	target string

	mu    sync.Mutex            // guards what follows
	treat func(client net.Conn) // nil = it forwards
	conns []net.Conn
}

// turn changes what it does, from now on and for all.
func (m *middlebox) turn(treat func(net.Conn)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.treat = treat
	for _, c := range m.conns {
		_ = c.Close()
	}
	m.conns = nil
}

// accept waits for a connection and returns what serves it, nil at the end.
func (m *middlebox) accept() func() {
	c, err := m.Accept()
	if err != nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.conns = append(m.conns, c)
	treat := m.treat
	if treat == nil {
		treat = m.forward
	}
	return func() {
		defer c.Close() //nolint:errcheck // whatever has become of it
		treat(c)
	}
}

func (m *middlebox) forward(c net.Conn) {
	server, err := net.Dial("tcp", m.target)
	if err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(server, c)
		_ = server.Close()
	}()
	_, _ = io.Copy(c, server)
}

// TestABadWireToRedisDelaysNobody breaks the way to a real Redis in every way a
// network has. Calls do not notice; hints come back with the wire.
func TestABadWireToRedisDelaysNobody(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	box := &middlebox{Listener: lis, target: servers.Test(t, servers.Redis).Addr}
	var serving sync.WaitGroup
	serving.Go(func() {
		for serve := box.accept(); serve != nil; serve = box.accept() {
			serving.Go(serve)
		}
	})
	t.Cleanup(func() {
		_ = lis.Close()
		box.turn(nil)
		serving.Wait()
	})
	sys, err := resil.New(resil.Config{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Addr: lis.Addr().String(), MaxRetries: -1, DialerRetries: 1, ReadTimeout: 100 * time.Millisecond})
	t.Cleanup(func() { _ = client.Close() })
	store := share.Redis(client, "wire"+time.Now().Format("150405.000000"))
	sharer, err := share.New(sys, store, share.Config{Every: 100 * time.Millisecond, Timeout: 100 * time.Millisecond, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	if err := sharer.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sharer.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	db := sys.Dependency("db", resil.Read)
	well := func() {
		t.Helper()
		eventually(t, "hints to be shared", func() bool { st := sharer.Status(); return st.Err == nil && st.View.Replicas == 1 })
	}
	well()
	for what, treat := range map[string]func(net.Conn){
		"says nothing":           func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
		"closes":                 func(net.Conn) {},
		"resets":                 func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) },
		"speaks something else":  func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") },
		"stops in its answer":    func(c net.Conn) { _, _ = io.WriteString(c, "*3\r\n:1\r\n"); _, _ = io.Copy(io.Discard, c) },
		"answers with an error":  func(c net.Conn) { _, _ = io.WriteString(c, "-LOADING Redis is loading\r\n") },
		"answers something else": func(c net.Conn) { _, _ = io.WriteString(c, "*1\r\n$3\r\nabc\r\n*1\r\n$3\r\nabc\r\n") },
	} {
		box.turn(treat)
		eventually(t, "the outage to show", func() bool { return sharer.Status().Err != nil })
		for range 100 {
			if _, err := resil.Do(t.Context(), db, func(context.Context) (int, error) { return 1, nil }); err != nil {
				t.Fatalf("a wire that %s fails a call: %v", what, err)
			}
		}
		box.turn(nil)
		well()
	}
	if st := sharer.Status(); st.Hints != 0 || errors.Is(st.Err, context.Canceled) {
		t.Errorf("%+v, want no hint of a bad wire", st)
	}
}
