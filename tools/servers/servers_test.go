//go:build linux

package servers_test

import (
	"bufio"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2/client"

	"github.com/resilgo/resil/tools/servers"
)

// ping sends one command to Redis and returns the first line of the answer.
func ping(tb testing.TB, addr string) (string, error) {
	tb.Helper()
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return "", err
	}
	defer func() {
		if err := conn.Close(); err != nil {
			tb.Error(err)
		}
	}()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		tb.Fatal(err)
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return "", err
	}
	return bufio.NewReader(conn).ReadString('\n')
}

func get(tb testing.TB, url string) int {
	tb.Helper()
	response, err := http.Get(url)
	if err != nil {
		tb.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		tb.Error(err)
	}
	return response.StatusCode
}

func TestPostgresAnswersQueriesAndSurvivesACrash(t *testing.T) {
	postgres := servers.Test(t, servers.Postgres)
	query := func(sql string) string {
		t.Helper()
		out, err := exec.Command("/usr/lib/postgresql/15/bin/psql", "-X", "-A", "-t", "-q", "-c", sql, postgres.URL).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", sql, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	query("create table kept (n int)")
	query("insert into kept values (42)")
	postgres.Kill()
	if err := postgres.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := query("select n from kept"), "42"; got != want {
		t.Errorf("after the crash: got %q, want %q", got, want)
	}
}

func TestRedisBehindToxiproxy(t *testing.T) {
	redis := servers.Test(t, servers.Redis)
	api := servers.Test(t, servers.Toxiproxy)
	proxy, err := toxiproxy.NewClient(api.URL).CreateProxy("redis", "127.0.0.1:0", redis.Addr)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ping(t, proxy.Listen); err != nil || got != "+PONG\r\n" {
		t.Errorf("through the proxy: got %q, %v, want +PONG", got, err)
	}
	if err := proxy.Disable(); err != nil {
		t.Fatal(err)
	}
	if got, err := ping(t, proxy.Listen); err == nil {
		t.Errorf("through the disabled proxy: got %q, want an error", got)
	}
}

func TestHTTPServersAnswer(t *testing.T) {
	const noRoutes = "route: {receiver: none}\nreceivers: [{name: none}]\n"
	tests := []struct {
		name  string
		start servers.Start
		path  string
		want  int
	}{
		{"S3 refuses who brings no signature", servers.S3, "/", http.StatusForbidden},
		{"Prometheus takes its configuration", servers.Prometheus("global: {scrape_interval: 1s}\n"), "/api/v1/status/config", http.StatusOK},
		{"Alertmanager takes its configuration", servers.Alertmanager(noRoutes), "/api/v2/status", http.StatusOK},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := servers.Test(t, tt.start)
			if got := get(t, server.URL+tt.path); got != tt.want {
				t.Errorf("GET %s: got %d, want %d", tt.path, got, tt.want)
			}
		})
	}
}

func TestStopLeavesNothing(t *testing.T) {
	redis, err := servers.Redis(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := redis.Stop(); err != nil {
		t.Error(err)
	}
	if got, err := ping(t, redis.Addr); err == nil {
		t.Errorf("after Stop: got %q, want an error", got)
	}
	if err := redis.Restart(t.Context()); err == nil {
		t.Error("Restart after Stop: got nil, want an error: the data are gone")
	}
	if err := redis.Stop(); err != nil {
		t.Errorf("second Stop: got %v, want nil", err)
	}
}

func TestWrongConfigurationFailsWithTheLog(t *testing.T) {
	_, err := servers.Prometheus("no_such_key: 1\n")(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no_such_key") {
		t.Errorf("got %v, want an error that shows the log", err)
	}
}

func TestEnvironmentNamesRunningServers(t *testing.T) {
	redis := servers.Test(t, servers.Redis)
	t.Setenv("RESIL_TEST_REDIS_ADDR", redis.Addr)
	t.Setenv("RESIL_TEST_PG_DSN", "postgres://user@db.test:5432/shop")

	given, err := servers.Redis(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := given.Stop(); err != nil {
		t.Error(err)
	}
	if got, err := ping(t, given.Addr); err != nil || got != "+PONG\r\n" {
		t.Errorf("a given server after Stop: got %q, %v, want it to run on", got, err)
	}

	postgres, err := servers.Postgres(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := postgres.Addr, "db.test:5432"; got != want {
		t.Errorf("address of the given PostgreSQL: got %q, want %q", got, want)
	}

	t.Setenv("RESIL_TEST_PG_DSN", "host=db.test")
	if _, err := servers.Postgres(t.Context()); err == nil {
		t.Error("a DSN that is no URL: got nil, want an error")
	}
}

// TestServersDieWithTheirProcess runs itself as a child that starts Redis and
// is killed.
func TestServersDieWithTheirProcess(t *testing.T) {
	if os.Getenv("SERVERS_CHILD") != "" {
		redis, err := servers.Redis(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stdout.WriteString(redis.Addr + "\n"); err != nil {
			t.Fatal(err)
		}
		select {}
	}
	child := exec.Command(os.Args[0], "-test.run=^TestServersDieWithTheirProcess$")
	child.Env = append(os.Environ(), "SERVERS_CHILD=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	addr := strings.TrimSpace(line)
	if err := child.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil {
		t.Error("the child ended in good order, want it killed")
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := ping(t, addr); err != nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("Redis at %s outlives the process that started it", addr)
		}
	}
}
