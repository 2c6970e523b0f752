// Package accuracy holds what resilvet says of public services against what a
// person says who has read them.
//
// testdata/NAME.calls has a line for every outbound call of a service that is
// worth reporting, and for every finding that is none:
//
//	file:line:column	TRUTH	FOUND	callee
//
// TRUTH is unguarded, guarded, or - for what is no such call. It is written by
// hand: every function of another module or of the standard library that the
// service calls was listed, with every interface method that no type of the
// service has, and those that leave the process were picked by reading them,
// not by asking the catalogue. FOUND is what resilvet said when the file was
// last refreshed. Calls that are counted and not reported, in tests, say, are
// left out.
package accuracy

import (
	"bufio"
	"embed"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Service is a public module that resilvet is held against.
type Service struct {
	Name    string
	Module  string // with version
	Guards  string // what it guards its calls with; "" for nothing
	Clients string // what it talks to
	Small   bool   // cheap enough to be run by the tests
}

// Services are the modules, those with guards first. They were chosen for what
// they talk to, before resilvet had seen them.
var Services = []Service{
	{"heimdall", "github.com/gojek/heimdall/v7@v7.0.3", "hystrix-go", "HTTP", true},
	{"go-kit", "github.com/go-kit/kit@v0.13.0", "gobreaker, hystrix-go, handy", "HTTP, gRPC, AMQP, NATS, Consul, etcd, ZooKeeper, Eureka", false},
	{"go-zero", "github.com/zeromicro/go-zero@v1.10.3", "breakers and hooks of its own", "Redis, MongoDB, database/sql, HTTP, gRPC, etcd, Kubernetes", false},
	{"asynq", "github.com/hibiken/asynq@v0.26.0", "", "Redis", true},
	{"centrifugo", "github.com/centrifugal/centrifugo/v6@v6.9.1", "", "Redis (rueidis), PostgreSQL (pgx), NATS, Kafka (franz-go), Pub/Sub, Service Bus, SQS, gRPC, HTTP", false},
	{"go-workflows", "github.com/cschleiden/go-workflows@v1.2.0", "", "MySQL, SQLite, Redis", false},
	{"kine", "github.com/k3s-io/kine@v0.17.5", "", "database/sql, JetStream, etcd", false},
	{"litefs", "github.com/superfly/litefs@v0.5.14", "", "HTTP, Consul, SQLite", false},
	{"mailpit", "github.com/axllent/mailpit@v1.33.1", "", "SMTP, POP3, HTTP, SQLite, rqlite", false},
	{"miniflux", "miniflux.app/v2@v2.3.5", "", "PostgreSQL, HTTP, OIDC", false},
	{"notify", "github.com/nikoksr/notify@v1.3.0", "", "thirty messaging services, one SDK each", false},
	{"oauth2-proxy", "github.com/oauth2-proxy/oauth2-proxy/v7@v7.15.6", "", "HTTP, OIDC, Redis, Google's APIs", false},
	{"objstore", "github.com/thanos-io/objstore@v0.0.0-20250804093838-71d60dfee488", "", "S3, GCS, Azure, OCI, Swift, COS, OSS, OBS, BOS", false},
	{"podinfo", "github.com/stefanprodan/podinfo@v1.8.1-0.20250910200901-e86405a8674e", "", "HTTP, Redis, gRPC, WebSocket", false},
}

// Verdict is what somebody says of a place.
type Verdict string

// The verdicts.
const (
	Unguarded Verdict = "unguarded"
	Guarded   Verdict = "guarded"
	NoCall    Verdict = "-"
	Unread    Verdict = "?" // nobody has read it yet
)

// Call is a line of a file under testdata.
type Call struct {
	Place  string // file:line:column, slash-separated
	Truth  Verdict
	Found  Verdict
	Callee string
}

//go:embed testdata/*.calls
var files embed.FS

// Calls returns the calls of a service, in order.
func Calls(name string) ([]Call, error) {
	f, err := files.Open("testdata/" + name + ".calls")
	if err != nil {
		return nil, err
	}
	return parse(f)
}

func parse(r io.Reader) ([]Call, error) {
	var calls []Call
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		fields := strings.Split(lines.Text(), "\t")
		if len(fields) != 4 {
			return nil, fmt.Errorf("line %d: want place, truth, found and callee, separated by tabs", n)
		}
		c := Call{fields[0], Verdict(fields[1]), Verdict(fields[2]), fields[3]}
		known := []Verdict{Unguarded, Guarded, NoCall}
		if !slices.Contains(append(known, Unread), c.Truth) || !slices.Contains(known, c.Found) {
			return nil, fmt.Errorf("line %d: truth %q, found %q: want one of %v", n, c.Truth, c.Found, known)
		}
		calls = append(calls, c)
	}
	return calls, lines.Err()
}

// Format writes calls as they stand in a file, sorted by place.
func Format(calls []Call) string {
	slices.SortFunc(calls, func(a, b Call) int { return comparePlaces(a.Place, b.Place) })
	var b strings.Builder
	for _, c := range calls {
		fmt.Fprintf(&b, "%s\t%s\t%s\t%s\n", c.Place, c.Truth, c.Found, c.Callee)
	}
	return b.String()
}

func comparePlaces(a, b string) int {
	x, y := strings.Split(a, ":"), strings.Split(b, ":")
	if c := strings.Compare(x[0], y[0]); c != 0 {
		return c
	}
	for i := 1; i < len(x) && i < len(y); i++ {
		m, _ := strconv.Atoi(x[i])
		n, _ := strconv.Atoi(y[i])
		if m != n {
			return m - n
		}
	}
	return 0
}

// Merge returns the calls with what resilvet found now in place of what it
// found then. What is new is to be read by somebody.
func Merge(old, found []Call) []Call {
	now := make(map[string]Call)
	for _, c := range found {
		now[c.Place] = c
	}
	var out []Call
	for _, c := range old {
		f, ok := now[c.Place]
		c.Found = NoCall
		if ok {
			c.Found = f.Found
		}
		delete(now, c.Place)
		if c.Found != NoCall || c.Truth != NoCall && c.Truth != Unread {
			out = append(out, c)
		}
	}
	for _, c := range now {
		c.Truth = Unread
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Call) int { return comparePlaces(a.Place, b.Place) })
	return out
}

// Score counts how the verdicts agree.
type Score struct {
	Calls    int // there are, guarded or not
	Known    int // calls of which resilvet says what is true
	Findings int // unguarded, says resilvet
	True     int // findings that are true
	Unread   int // places that nobody has read
}

// Rate compares what was found with the truth.
func Rate(calls []Call) Score {
	var s Score
	for _, c := range calls {
		switch c.Truth {
		case Unread:
			s.Unread++
		case Guarded, Unguarded:
			s.Calls++
			if c.Found == c.Truth {
				s.Known++
			}
		case NoCall:
		}
		if c.Found == Unguarded {
			s.Findings++
			if c.Truth == Unguarded {
				s.True++
			}
		}
	}
	return s
}

// Add adds the counts of another score.
func (s Score) Add(t Score) Score {
	return Score{s.Calls + t.Calls, s.Known + t.Known, s.Findings + t.Findings, s.True + t.True, s.Unread + t.Unread}
}

// Precision is the share of findings that are true.
func (s Score) Precision() float64 { return share(s.True, s.Findings) }

// Recall is the share of calls that resilvet knows and judges rightly.
func (s Score) Recall() float64 { return share(s.Known, s.Calls) }

func share(part, of int) float64 {
	if of == 0 {
		return 1
	}
	return float64(part) / float64(of)
}
