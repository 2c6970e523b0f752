//go:build linux

package share_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/resilgo/resil/runtime/share"
	"github.com/resilgo/resil/tools/servers"
)

func connect(t *testing.T, addr string) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1, DialerRetries: 1, DialTimeout: time.Second})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func exchangeWith(t *testing.T, s share.Store, replica string, ttl time.Duration, open map[string]bool) share.View {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	v, err := s.Exchange(ctx, share.Report{Replica: replica, TTL: ttl, Open: open})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func expectView(t *testing.T, got share.View, replicas, db, s3 int) {
	t.Helper()
	if got.Replicas != replicas || got.Open["db"] != db || got.Open["s3"] != s3 {
		t.Errorf("view %+v, want %d replicas, db open on %d, s3 on %d", got, replicas, db, s3)
	}
}

func TestRedisCountsReports(t *testing.T) {
	client := connect(t, servers.Test(t, servers.Redis).Addr)
	store := share.Redis(client, "shop"+t.Name()+time.Now().Format("150405.000000"))
	other := share.Redis(client, "another"+t.Name())
	const long, short = time.Minute, 300 * time.Millisecond
	expectView(t, exchangeWith(t, store, "a", long, map[string]bool{"db": true, "s3": false}), 1, 1, 0)
	expectView(t, exchangeWith(t, other, "x", long, map[string]bool{"db": true}), 1, 1, 0)
	expectView(t, exchangeWith(t, store, "b", long, map[string]bool{"db": true, "s3": true}), 2, 2, 1)
	expectView(t, exchangeWith(t, store, "a", long, map[string]bool{"db": false, "s3": false}), 2, 1, 1)
	expectView(t, exchangeWith(t, store, "c", short, map[string]bool{"db": true, "s3": true}), 3, 2, 2)
	time.Sleep(2 * short) // the server's clock is real
	expectView(t, exchangeWith(t, store, "a", long, map[string]bool{"db": false, "s3": false}), 2, 1, 1)
	if v := exchangeWith(t, store, "a", long, nil); v.Replicas != 2 {
		t.Errorf("view without dependencies %+v", v)
	}
}

func TestRedisWithForeignKeysIsAnError(t *testing.T) {
	client := connect(t, servers.Test(t, servers.Redis).Addr)
	if err := client.Set(t.Context(), "resil:{taken}:open:db", "a string", time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := share.Redis(client, "taken").Exchange(t.Context(), share.Report{Replica: "a", TTL: time.Second, Open: map[string]bool{"db": true}}); err == nil {
		t.Error("a key of another type was counted")
	}
}

func TestAQuorumOverRedisAndAnOutageOfIt(t *testing.T) {
	server := servers.Test(t, servers.Redis)
	client := connect(t, server.Addr)
	store := share.Redis(client, "fleet"+time.Now().Format("150405.000000"))
	all := make([]*replica, 4)
	for i := range all {
		all[i] = newReplica(t, store)
	}
	eventually(t, "the replicas to meet", func() bool { return all[3].sharer.Status().View.Replicas == 4 })
	for _, r := range all[:3] {
		r.trip()
	}
	eventually(t, "a quorum to open the fourth's breaker", func() bool { return all[3].call() != nil })
	// A server that was there before is not stopped; then the client goes.
	if err := errors.Join(server.Stop(), client.Close()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the outage to show", func() bool { return all[3].sharer.Status().Err != nil })
	eventually(t, "the hold to end", func() bool { return all[3].call() == nil })
}

// eventually waits in real time for real servers.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for begin := time.Now(); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Since(begin) > 40*time.Second {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
