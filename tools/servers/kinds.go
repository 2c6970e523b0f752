//go:build linux

package servers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// The credentials that the S3 server of [S3] accepts.
const (
	S3AccessKey = "test"
	S3SecretKey = "testsecret"
)

// The environment variables that name servers which run already.
const (
	envPostgres = "RESIL_TEST_PG_DSN"
	envRedis    = "RESIL_TEST_REDIS_ADDR"
)

const postgresBin = "/usr/lib/postgresql/15/bin/"

// Postgres starts PostgreSQL with an empty database; URL is its DSN. Durability
// is off: what it wrote survives the death of the process, not of the machine.
// RESIL_TEST_PG_DSN names one that runs already.
func Postgres(ctx context.Context) (*Server, error) {
	if dsn := os.Getenv(envPostgres); dsn != "" {
		parsed, err := url.Parse(dsn)
		if err != nil || parsed.Host == "" {
			return nil, fmt.Errorf("%s: want postgres://user@host:port/database", envPostgres)
		}
		return &Server{Name: "postgres", Addr: parsed.Host, URL: dsn}, nil
	}
	r := recipe{
		name: "postgres",
		find: debian("postgresql-15", postgresBin+"postgres"),
		args: func(dir, host, port string) []string {
			return []string{
				"-D", dir, "-p", port,
				"-c", "listen_addresses=" + host,
				"-c", "unix_socket_directories=",
				"-c", "fsync=off",
			}
		},
		ready: func(ctx context.Context, addr string) error {
			host, port, err := net.SplitHostPort(addr)
			if err != nil {
				return err
			}
			return exec.CommandContext(ctx, postgresBin+"pg_isready", "-q", "-h", host, "-p", port).Run()
		},
		url: func(addr string) string {
			return "postgres://postgres@" + addr + "/postgres?sslmode=disable"
		},
		// PostgreSQL refuses to run as root.
		user: "postgres",
		stop: syscall.SIGINT, // "fast": does not wait for clients to leave
	}
	r.prepare = func(ctx context.Context, dir string) error {
		command := exec.CommandContext(ctx, postgresBin+"initdb", "-D", filepath.Join(dir, "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
		command.Dir = dir
		owner, err := r.credential()
		if err != nil {
			return err
		}
		command.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
		return output(command)
	}
	return start(ctx, r)
}

// Redis starts Redis without persistence; URL is redis://host:port.
// RESIL_TEST_REDIS_ADDR names one that runs already, as host:port.
func Redis(ctx context.Context) (*Server, error) {
	toURL := func(addr string) string { return "redis://" + addr }
	if addr := os.Getenv(envRedis); addr != "" {
		return &Server{Name: "redis", Addr: addr, URL: toURL(addr)}, nil
	}
	return start(ctx, recipe{
		name:    "redis",
		find:    debian("redis-server", "/usr/bin/redis-server"),
		prepare: makeDataDir,
		args: func(dir, host, port string) []string {
			return []string{"--bind", host, "--port", port, "--dir", dir, "--save", "", "--appendonly", "no"}
		},
		ready: redisAnswers,
		url:   toURL,
		stop:  syscall.SIGTERM,
	})
}

func redisAnswers(ctx context.Context, addr string) error {
	//resil:guarded a probe: the server is still starting, and run asks again
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // a probe has nothing to lose
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && !strings.HasPrefix(line, "+PONG") {
		err = fmt.Errorf("answered %q to PING", line)
	}
	return err
}

// S3 starts versitygw over a folder; URL is the endpoint, to be used with path
// style, [S3AccessKey] and [S3SecretKey]. Buckets are the client's to create.
func S3(ctx context.Context) (*Server, error) {
	return start(ctx, recipe{
		name:    "s3",
		find:    pinned("versitygw"),
		prepare: makeDataDir,
		args: func(dir, host, port string) []string {
			return []string{
				"--port", net.JoinHostPort(host, port),
				"--access", S3AccessKey, "--secret", S3SecretKey,
				"--health", "/health", "--quiet",
				"posix", dir,
			}
		},
		ready: answers("/health"),
		url:   httpURL,
		stop:  syscall.SIGTERM,
	})
}

// Toxiproxy starts Toxiproxy with no proxy yet; URL is its API, which package
// github.com/Shopify/toxiproxy/v2/client speaks.
func Toxiproxy(ctx context.Context) (*Server, error) {
	return start(ctx, recipe{
		name: "toxiproxy",
		find: pinned("toxiproxy-server"),
		args: func(_, host, port string) []string {
			return []string{"-host", host, "-port", port}
		},
		ready: answers("/version"),
		url:   httpURL,
		stop:  syscall.SIGTERM,
	})
}

// Jaeger returns a start of Jaeger with its traces in memory. It receives OTLP
// over HTTP at the given address, host:port; URL is where its API and its page
// are. Its first start builds it, which takes minutes.
func Jaeger(otlp string) Start {
	return func(ctx context.Context) (*Server, error) {
		return start(ctx, recipe{
			name: "jaeger",
			find: pinned("jaeger"),
			args: func(_, host, port string) []string {
				anywhere := net.JoinHostPort(host, "0")
				return []string{
					"--query.http-server.host-port=" + net.JoinHostPort(host, port),
					"--collector.otlp.http.host-port=" + otlp,
					"--collector.otlp.grpc.host-port=" + anywhere,
					"--query.grpc-server.host-port=" + anywhere,
					"--collector.http-server.host-port=" + anywhere,
					"--collector.grpc-server.host-port=" + anywhere,
					"--admin.http.host-port=" + anywhere,
				}
			},
			ready: answers("/api/services"),
			url:   httpURL,
			stop:  syscall.SIGTERM,
		})
	}
}

// Prometheus returns a start of Prometheus with the given configuration file's
// text. Files that it names must be absolute.
func Prometheus(config string) Start {
	return func(ctx context.Context) (*Server, error) {
		return start(ctx, recipe{
			name:    "prometheus",
			find:    debian("prometheus", "/usr/bin/prometheus"),
			prepare: writeConfig(config),
			args: func(dir, host, port string) []string {
				return []string{
					"--config.file=" + filepath.Join(dir, configFile),
					"--storage.tsdb.path=" + filepath.Join(dir, "tsdb"),
					"--web.listen-address=" + net.JoinHostPort(host, port),
				}
			},
			ready: answers("/-/ready"),
			url:   httpURL,
			stop:  syscall.SIGTERM,
		})
	}
}

// Alertmanager returns a start of Alertmanager with the given configuration
// file's text.
func Alertmanager(config string) Start {
	return func(ctx context.Context) (*Server, error) {
		return start(ctx, recipe{
			name:    "alertmanager",
			find:    debian("prometheus-alertmanager", "/usr/bin/prometheus-alertmanager"),
			prepare: writeConfig(config),
			args: func(dir, host, port string) []string {
				return []string{
					"--config.file=" + filepath.Join(dir, configFile),
					"--storage.path=" + filepath.Join(dir, "storage"),
					"--web.listen-address=" + net.JoinHostPort(host, port),
					"--cluster.listen-address=",
				}
			},
			ready: answers("/-/ready"),
			url:   httpURL,
			stop:  syscall.SIGTERM,
		})
	}
}

const configFile = "config.yml"

func makeDataDir(_ context.Context, dir string) error {
	return os.Mkdir(filepath.Join(dir, "data"), 0o700)
}

func writeConfig(text string) func(context.Context, string) error {
	return func(ctx context.Context, dir string) error {
		if err := makeDataDir(ctx, dir); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "data", configFile), []byte(text), 0o600)
	}
}

// answers probes a path over HTTP for status 200.
func answers(path string) func(context.Context, string) error {
	return func(ctx context.Context, addr string) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, httpURL(addr)+path, http.NoBody)
		if err != nil {
			return err
		}
		//resil:guarded a probe: the server is still starting, and run asks again
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK {
			err = fmt.Errorf("answered %s to %s", response.Status, path)
		}
		return errors.Join(err, response.Body.Close())
	}
}

func httpURL(addr string) string { return "http://" + addr }
