// Package accuracy holds what resilvet says of public services against what a
// person says who has read them.
//
// testdata/NAME.calls names, in its first line, the version that was read. Then
// it has a line for every outbound call of a service that is worth reporting,
// and one for every other finding, of all rules:
//
//	file:line:column	TRUTH	FOUND	kind callee	READING
//
// For a call TRUTH is unguarded or guarded, for a finding of another rule it is
// that rule; - is what is neither. FOUND is what resilvet said when the file was
// last refreshed. READING is "read", with the reason where the verdict is not
// plain from the place: each line was read in its source, with what is around
// it, and a line that nobody has read has a question mark as its truth.
//
// The calls do not come from resilvet: every function of another module or of
// the standard library that the service calls was listed, with every interface
// method that no type of the service has, and those that leave the process were
// picked by reading them. Calls that are counted and not reported, in tests,
// say, are left out.
package accuracy

import (
	"bufio"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
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
	Only    string // packages that are looked at, and flags before them; "" for all
}

func (s Service) patterns() []string {
	if s.Only == "" {
		return []string{"./..."}
	}
	return strings.Fields(s.Only)
}

// Services are the modules, those with guards first. They were chosen for what
// they talk to, before resilvet had seen them.
var Services = []Service{
	{"heimdall", "github.com/gojek/heimdall/v7@v7.0.3", "hystrix-go", "HTTP", true, ""},
	{"go-kit", "github.com/go-kit/kit@v0.13.0", "gobreaker, hystrix-go, handy", "HTTP, gRPC, AMQP, NATS, Consul, etcd, ZooKeeper, Eureka", false, ""},
	{"go-zero", "github.com/zeromicro/go-zero@v1.10.3", "breakers and hooks of its own", "Redis, MongoDB, database/sql, HTTP, gRPC, etcd, Kubernetes", false, ""},
	{"cerbos", "github.com/cerbos/cerbos@v0.50.0", "gobreaker", "database/sql (goqu), blobs, git, its own cloud", false, "-tags=tests ./internal/storage/..."},
	{"mimir", "github.com/grafana/mimir@v1.3.1-0.20260423142704-aced80d74930", "failsafe-go, for retries alone", "gRPC", false, "./pkg/compactor"},
	{"cloud-api", "github.com/cerbos/cloud-api@v0.1.69", "failsafe-go, in a Connect interceptor", "Connect, HTTP", false, "-tags=tests ./base ./bundle/... ./hub ./store"},
	{"thanos", "github.com/thanos-io/thanos@v0.40.1", "gobreaker", "memcached, Redis (rueidis), DNS, HTTP", false, "./pkg/cacheutil ./internal/cortex/chunk/cache ./pkg/discovery/... ./pkg/promclient ./pkg/alert ./pkg/reloader ./pkg/clientconfig"},
	{"kratos", "github.com/go-kratos/kratos/v2@v2.8.3", "aegis", "HTTP, gRPC", false, ""},
	{"asynq", "github.com/hibiken/asynq@v0.26.0", "", "Redis", true, ""},
	{"centrifugo", "github.com/centrifugal/centrifugo/v6@v6.9.1", "", "Redis (rueidis), PostgreSQL (pgx), NATS, Kafka (franz-go), Pub/Sub, Service Bus, SQS, gRPC, HTTP", false, ""},
	{"consul-template", "github.com/hashicorp/consul-template@v0.41.1", "", "Consul, Nomad, Vault", false, ""},
	{"go-workflows", "github.com/cschleiden/go-workflows@v1.2.0", "", "MySQL, SQLite, Redis", false, ""},
	{"gubernator", "github.com/gubernator-io/gubernator/v2@v2.13.0", "", "gRPC, etcd, Kubernetes, memberlist, DNS", false, ""},
	{"keda", "github.com/kedacore/keda/v2@v2.21.0", "", "sixty systems, one SDK each", false, "./pkg/scalers/..."},
	{"kine", "github.com/k3s-io/kine@v0.17.5", "", "database/sql, JetStream, etcd", false, ""},
	{"litefs", "github.com/superfly/litefs@v0.5.14", "", "HTTP, Consul, SQLite", false, ""},
	{"mailpit", "github.com/axllent/mailpit@v1.33.1", "", "SMTP, POP3, HTTP, SQLite, rqlite", false, ""},
	{"miniflux", "miniflux.app/v2@v2.3.5", "", "PostgreSQL, HTTP, OIDC", false, ""},
	{"neoq", "github.com/acaloiaro/neoq@v0.72.2", "", "PostgreSQL (pgx), Redis (asynq)", false, "-tags=testing ./..."},
	{"notify", "github.com/nikoksr/notify@v1.3.0", "", "thirty messaging services, one SDK each", false, ""},
	{"oauth2-proxy", "github.com/oauth2-proxy/oauth2-proxy/v7@v7.15.6", "", "HTTP, OIDC, Redis, Google's APIs", false, ""},
	{"objstore", "github.com/thanos-io/objstore@v0.0.0-20250804093838-71d60dfee488", "", "S3, GCS, Azure, OCI, Swift, COS, OSS, OBS, BOS", false, ""},
	{"openfga", "github.com/openfga/openfga@v1.22.1", "", "PostgreSQL (pgx), MySQL and SQLite (squirrel), OIDC", false, ""},
	{"podinfo", "github.com/stefanprodan/podinfo@v1.8.1-0.20250910200901-e86405a8674e", "", "HTTP, Redis, gRPC, WebSocket", false, ""},
	{"sops", "github.com/getsops/sops/v3@v3.13.3", "", "key services of AWS, Google, Azure and Huawei, Vault, S3, GCS, PostgreSQL, gpg-agent", false, ""},
	{"tusd", "github.com/tus/tusd/v2@v2.9.1", "", "S3, GCS, Azure, hooks over HTTP, gRPC and plugins", false, ""},
	{"watermill-amqp", "github.com/ThreeDotsLabs/watermill-amqp/v3@v3.0.2", "", "AMQP", false, ""},
	{"watermill-kafka", "github.com/ThreeDotsLabs/watermill-kafka/v3@v3.0.6", "", "Kafka (sarama)", false, ""},
}

// Verdict is what somebody says of a place: one of those below, or the name of
// a rule that finds something there.
type Verdict string

// The verdicts.
const (
	Unguarded Verdict = "unguarded"
	Guarded   Verdict = "guarded"
	None      Verdict = "-"
	Unread    Verdict = "?" // nobody has read it yet
)

// rule returns the rule that speaks of the place when it says so.
func (v Verdict) rule() string {
	if v == Guarded {
		return string(Unguarded)
	}
	return string(v)
}

// Line is a line of a file under testdata.
type Line struct {
	Place   string // file:line:column, slash-separated
	Truth   Verdict
	Found   Verdict
	Callee  string // and the kind of dependency
	Reading string // "read", and why; empty if nobody has
}

// Rule returns the rule that the line is about.
func (l Line) Rule() string {
	for _, v := range []Verdict{l.Found, l.Truth} {
		if v != None && v != Unread {
			return v.rule()
		}
	}
	return ""
}

// key is what a line is found again by.
func (l Line) key() string { return l.Place + " " + l.Rule() }

//go:embed testdata/*.calls
var files embed.FS

// Read returns the lines of a service, in order, and the version that was read.
func Read(name string) (lines []Line, module string, err error) {
	f, err := files.Open("testdata/" + name + ".calls")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	lines, module, err = parse(f)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", name, err)
	}
	return lines, module, nil
}

func parse(r io.Reader) (lines []Line, module string, err error) {
	in := bufio.NewScanner(r)
	for n := 1; in.Scan(); n++ {
		if n == 1 {
			m, ok := strings.CutPrefix(in.Text(), "# ")
			if !ok {
				return nil, "", fmt.Errorf("line 1: want # and the module with its version")
			}
			module = m
			continue
		}
		fields := strings.Split(in.Text(), "\t")
		if len(fields) != 5 {
			return nil, "", fmt.Errorf("line %d: want place, truth, found, callee and reading, separated by tabs", n)
		}
		l := Line{fields[0], Verdict(fields[1]), Verdict(fields[2]), fields[3], fields[4]}
		if l.Found == Unread || l.Rule() == "" {
			return nil, "", fmt.Errorf("line %d: truth %q, found %q: one of them is to say something", n, l.Truth, l.Found)
		}
		if l.Truth != Unread && l.Truth != None && l.Truth.rule() != l.Rule() {
			return nil, "", fmt.Errorf("line %d: truth %q, found %q: want verdicts of one rule", n, l.Truth, l.Found)
		}
		lines = append(lines, l)
	}
	return lines, module, in.Err()
}

// Format writes lines as they stand in a file, sorted by place and rule.
func Format(module string, lines []Line) string {
	slices.SortFunc(lines, compare)
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", module)
	for _, l := range lines {
		fmt.Fprintf(&b, "%s\t%s\t%s\t%s\t%s\n", l.Place, l.Truth, l.Found, l.Callee, l.Reading)
	}
	return b.String()
}

// compare orders by place, and at a place what is said of the call comes first.
func compare(a, b Line) int {
	return cmp.Or(comparePlaces(a.Place, b.Place), -cmp.Compare(a.Rule(), b.Rule()))
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

// Merge returns the lines with what resilvet found now in place of what it
// found then. What is new is to be read by somebody.
func Merge(old, found []Line) []Line {
	now := make(map[string]Line)
	for _, l := range found {
		now[l.key()] = l
	}
	var out []Line
	for _, l := range old {
		f, ok := now[l.key()]
		delete(now, l.key())
		switch {
		case !ok:
			l.Found = None
		case f.Callee != l.Callee: // another version, or another opinion of what it calls
			f.Truth = Unread
			l = f
		default:
			l.Found = f.Found
		}
		if l.Found != None || l.Truth != None && l.Truth != Unread {
			out = append(out, l)
		}
	}
	for _, l := range now {
		l.Truth = Unread
		out = append(out, l)
	}
	slices.SortFunc(out, compare)
	return out
}

// Score counts how the verdicts agree.
type Score struct {
	Calls    int // there are, guarded or not
	Known    int // calls of which resilvet says what is true
	Findings int // unguarded, says resilvet
	True     int // findings that are true
	Others   int // findings of the other rules
	OthersOK int // those of them that are true
	Unread   int // lines that nobody has read
}

// Rate compares what was found with the truth.
func Rate(lines []Line) Score {
	var s Score
	for _, l := range lines {
		right := l.Found == l.Truth
		switch {
		case l.Truth == Unread || l.Reading != "read" && !strings.HasPrefix(l.Reading, "read: "):
			s.Unread++
		case l.Truth == Guarded || l.Truth == Unguarded:
			s.Calls++
			if right {
				s.Known++
			}
		}
		switch {
		case l.Found == Unguarded:
			s.Findings++
			if right {
				s.True++
			}
		case l.Found != Guarded && l.Found != None:
			s.Others++
			if right {
				s.OthersOK++
			}
		}
	}
	return s
}

// Add adds the counts of another score.
func (s Score) Add(t Score) Score {
	return Score{
		s.Calls + t.Calls, s.Known + t.Known, s.Findings + t.Findings, s.True + t.True,
		s.Others + t.Others, s.OthersOK + t.OthersOK, s.Unread + t.Unread,
	}
}

// Precision is the share of the findings of the rule unguarded that are true.
func (s Score) Precision() float64 { return share(s.True, s.Findings) }

// OtherPrecision is the share of the findings of the other rules that are true.
func (s Score) OtherPrecision() float64 { return share(s.OthersOK, s.Others) }

// Recall is the share of calls that resilvet knows and judges rightly.
func (s Score) Recall() float64 { return share(s.Known, s.Calls) }

func share(part, of int) float64 {
	if of == 0 {
		return 1
	}
	return float64(part) / float64(of)
}
