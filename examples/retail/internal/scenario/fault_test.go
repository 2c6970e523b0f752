//go:build linux

package scenario_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// fault is one way in which a dependency misbehaves.
type fault struct {
	name  string
	begin func(l *lane, dependency string)
	end   func(l *lane, dependency string)
	// during is what goes on meanwhile; nil = nothing, for as long as a fault
	// lasts.
	during func(l *lane, dependencies []string)
	// flaps means that the dependency is up now and then, so that the level
	// is not always the one of its outage.
	flaps bool
}

var (
	refused = fault{name: "refused", begin: (*lane).refuse, end: (*lane).accept}
	hanging = toxic("hanging", "timeout", map[string]any{"timeout": 0})
	slow    = toxic("slow", "latency", map[string]any{"latency": 20_000})
	reset   = toxic("reset", "reset_peer", map[string]any{"timeout": 0})
	// cut lets an answer begin: three bytes of it.
	cut = toxic("cut mid-answer", "limit_data", map[string]any{"bytes": 3})

	flapping = fault{
		name: "flapping", begin: (*lane).refuse, end: (*lane).accept, flaps: true,
		during: func(l *lane, dependencies []string) {
			for range 6 {
				l.pause(350 * time.Millisecond)
				for _, d := range dependencies {
					l.accept(d)
				}
				l.pause(350 * time.Millisecond)
				for _, d := range dependencies {
					l.refuse(d)
				}
			}
		},
	}
	garbage = fault{
		name:  "garbage",
		begin: func(l *lane, d string) { l.proxies.Redirect(l.proxy(d), babbler(l.t)) },
		end:   (*lane).restore,
	}
	// long is an outage that is over when nobody expects it any more.
	long = fault{
		name: "long", begin: (*lane).refuse, end: (*lane).accept,
		during: func(l *lane, _ []string) { l.pause(*longest) },
	}
	exhausted = fault{name: "out of connections", begin: (*lane).exhaust, end: (*lane).relieve}

	everyFault = []fault{refused, hanging, slow, reset, cut, flapping, garbage, exhausted, long}
)

// toxic is a fault that Toxiproxy knows.
func toxic(name, kind string, attributes map[string]any) fault {
	return fault{
		name:  name,
		begin: func(l *lane, d string) { l.proxies.Poison(l.proxy(d), kind, attributes) },
		end:   func(l *lane, d string) { l.proxies.Cure(l.proxy(d), kind) },
	}
}

func (l *lane) refuse(d string)  { l.proxies.Refuse(l.proxy(d)) }
func (l *lane) accept(d string)  { l.proxies.Accept(l.proxy(d)) }
func (l *lane) restore(d string) { l.proxies.Redirect(l.proxy(d), l.behind[d]) }

// babbler is a server that says nothing that anybody understands.
func babbler(t *testing.T) (addr string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	nonsense := make([]byte, 4096)
	for i := range nonsense {
		nonsense[i] = byte(i)
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			go func() {
				defer conn.Close() //nolint:errcheck // a server that makes no sense makes none at the end
				if _, err := conn.Write(nonsense); err == nil {
					_, _ = io.Copy(io.Discard, conn)
				}
			}()
		}
	}()
	return listener.Addr().String()
}

// exhaust lets a dependency have no connection left: PostgreSQL by the role's
// limit, Redis by its own. Object stores and models say it over HTTP, with the
// words of S3 and OpenAI.
func (l *lane) exhaust(d string) {
	l.t.Helper()
	switch {
	case d == "db":
		l.statement("ALTER ROLE " + l.role + " CONNECTION LIMIT 0")
		l.statement("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '" + l.role + "'")
	case d == "redis" && ownRedis():
		// Our own connection is the only one that may be.
		l.cacheCommand("CONFIG", "SET", "maxclients", "1")
		l.cacheCommand("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	case d == "redis":
		l.proxies.Redirect(l.proxy(d), refuser(l.t, "-ERR max number of clients reached\r\n"))
	case d == "s3":
		l.proxies.Redirect(l.proxy(d), busy(l.t, http.StatusServiceUnavailable, "application/xml",
			`<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`))
	default:
		l.proxies.Redirect(l.proxy(d), busy(l.t, http.StatusTooManyRequests, "application/json",
			`{"error": {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}}`))
	}
}

func (l *lane) relieve(d string) {
	l.t.Helper()
	switch {
	case d == "db":
		l.statement("ALTER ROLE " + l.role + " CONNECTION LIMIT -1")
	case d == "redis" && ownRedis():
		l.cacheCommand("CONFIG", "SET", "maxclients", "10000")
	default:
		l.restore(d)
	}
}

func (l *lane) cacheCommand(words ...any) {
	l.t.Helper()
	if err := l.cache.Do(l.t.Context(), words...).Err(); err != nil {
		l.t.Fatalf("%v: %v", words, err)
	}
}

// busy is an HTTP server that has the same answer for everybody.
func busy(t *testing.T, status int, kind, body string) (addr string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// refuser is a server that takes connections to say one thing and close them.
func refuser(t *testing.T, words string) (addr string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			_, _ = io.WriteString(conn, words)
			_ = conn.Close()
		}
	}()
	return listener.Addr().String()
}
