//go:build linux

package scenario_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/resilgo/resil/examples/retail/internal/archive"
	"github.com/resilgo/resil/examples/retail/internal/customers"
	"github.com/resilgo/resil/examples/retail/internal/realtest"
	"github.com/resilgo/resil/examples/retail/internal/scenario"
	"github.com/resilgo/resil/examples/retail/internal/standin"
	"github.com/resilgo/resil/tools/servers"
)

// patience bounds every wait that is not a promise; reaching it is a failure.
const patience = 30 * time.Second

// bed is the servers that all lanes share.
type bed struct {
	postgres string // the superuser's URL
	s3       string // endpoint
	model    string // URL
	proxies  *realtest.Toxiproxy
}

func newBed(t *testing.T) *bed {
	t.Helper()
	model, err := standin.OpenAI(model)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := model.Close(); err != nil {
			t.Error(err)
		}
	})
	return &bed{
		postgres: servers.Test(t, servers.Postgres).URL,
		s3:       servers.Test(t, servers.S3).URL,
		model:    model.URL,
		proxies:  realtest.NewToxiproxy(t),
	}
}

const model = "small"

// lane is one service with its own database, cache, bucket and customers.
// Lanes run side by side, the scenarios of one lane one after the other.
type lane struct {
	t       *testing.T // of the lane
	name    string
	pace    string
	env     []string
	file    string // of policies
	logs    string // folder
	proxies *realtest.Toxiproxy
	behind  map[string]string // by dependency: host:port of the real server

	db     *sql.DB // past the proxies, as is all that follows
	role   string
	bucket *archive.S3
	cache  *redis.Client

	process  *process
	crowd    *customers.Crowd
	baseline kept
	sights   sights
}

// open makes the lane number n and lets its customers settle in.
func (b *bed) open(t *testing.T, name string, n int, pace string) *lane {
	t.Helper()
	l := &lane{t: t, name: name, pace: pace, logs: t.TempDir(), proxies: b.proxies.On(t), behind: map[string]string{}}
	owner := l.openDatabase(b.postgres)
	cache := servers.Test(t, servers.Redis).URL + fmt.Sprintf("/%d", 10+n%6)
	options, err := redis.ParseURL(cache)
	if err != nil {
		t.Fatal(err)
	}
	l.cache = redis.NewClient(options)
	if err := l.cache.FlushDB(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	bucket := realtest.Bucket(t, b.s3)
	l.bucket = archive.NewS3(bucket)

	policies := "{}"
	if pace == paceQuick {
		policies = quickPolicies
	}
	l.file = policiesFile(t, policies)
	l.env = []string{
		envService + "=1", envPace + "=" + pace,
		"RETAIL_DATA=" + t.TempDir(), "RETAIL_POLICIES=" + l.file, "RETAIL_OPENAI_MODEL=" + model, "OPENAI_API_KEY=none",
		"RETAIL_DATABASE_URL=" + l.front("db", owner),
		"RETAIL_REDIS_URL=" + l.front("redis", cache),
		"RETAIL_S3_ENDPOINT=" + l.front("s3", bucket.Endpoint), "RETAIL_S3_BUCKET=" + bucket.Bucket,
		"AWS_REGION=" + bucket.Region, "AWS_ACCESS_KEY_ID=" + bucket.AccessKey, "AWS_SECRET_ACCESS_KEY=" + bucket.SecretKey,
		"OPENAI_BASE_URL=" + l.front("openai", b.model),
	}
	l.process = launch(t, l.logs, l.env)
	l.crowd = customers.New(customers.Config{Base: l.process.shop, PerSecond: *rate, Seed: *seed + uint64(n), Prefix: name, Delivery: 10_000})
	t.Cleanup(l.close)
	l.await("the shop is ready", func() bool { return l.look().Level == "optimal" })
	if err := l.crowd.StockUp(); err != nil {
		t.Fatal(err)
	}
	l.warmUp()
	return l
}

func (l *lane) close() {
	if err := l.process.end(syscall.SIGTERM); err != nil {
		l.t.Errorf("the service ended with %v", err)
	}
	if l.t.Failed() {
		l.t.Logf("the service said:\n%s", l.process.said())
	}
	if err := errors.Join(l.db.Close(), l.cache.Close()); err != nil {
		l.t.Error(err)
	}
}

// front lays a proxy before a server.
func (l *lane) front(dependency, raw string) string {
	l.t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		l.t.Fatal(err)
	}
	l.behind[dependency] = u.Host
	return l.proxies.Front(l.proxy(dependency), raw)
}

func (l *lane) proxy(dependency string) string { return l.name + "-" + dependency }

// openDatabase makes a database that belongs to a role which, unlike the
// superuser, can run out of connections. It returns the role's URL.
func (l *lane) openDatabase(superuser string) (owner string) {
	l.t.Helper()
	admin, err := sql.Open("pgx", superuser)
	if err != nil {
		l.t.Fatal(err)
	}
	l.role = "retail_" + strings.ToLower(rand.Text()[:10])
	if _, err := admin.ExecContext(l.t.Context(), "CREATE ROLE "+l.role+" LOGIN PASSWORD 'retail'"); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { // after that of the database, which was made later
		if _, err := admin.ExecContext(context.Background(), "DROP ROLE "+l.role); err != nil {
			l.t.Error(err)
		}
		if err := admin.Close(); err != nil {
			l.t.Error(err)
		}
	})
	raw := realtest.Database(l.t, superuser)
	l.db, err = sql.Open("pgx", raw)
	if err != nil {
		l.t.Fatal(err)
	}
	u, err := url.Parse(raw)
	if err != nil {
		l.t.Fatal(err)
	}
	l.statement("ALTER DATABASE " + strings.TrimPrefix(u.Path, "/") + " OWNER TO " + l.role)
	l.statement("ALTER SCHEMA public OWNER TO " + l.role)
	u.User = url.UserPassword(l.role, "retail")
	return u.String()
}

func (l *lane) statement(text string) {
	l.t.Helper()
	if _, err := l.db.ExecContext(l.t.Context(), text); err != nil {
		l.t.Fatalf("%s: %v", text, err)
	}
}

// warmUp lets the service see everything once, so that it has something to
// remember and its pools are filled, and notes what it keeps then.
func (l *lane) warmUp() {
	l.t.Helper()
	for n := range customers.SKUs {
		for _, path := range []string{"", "/stock", "/price-suggestion"} {
			l.ask("/items/" + customers.SKU(n) + path)
		}
	}
	l.ask("/items?limit=5")
	l.shopFor(time.Second)
	l.baseline = l.rest(func(kept) bool { return true })
}

// shopFor lets customers come for a while.
func (l *lane) shopFor(d time.Duration) {
	ctx, cancel := context.WithTimeout(l.t.Context(), d)
	defer cancel()
	l.crowd.Run(ctx)
}

// ask is a question that must be answered in full, now that all is well.
func (l *lane) ask(path string) map[string]any {
	l.t.Helper()
	var answer map[string]any
	status, header, err := l.crowd.Send(http.MethodGet, path, http.Header{}, nil, &answer)
	if err != nil || status != http.StatusOK || header.Get("Degraded") != "" {
		l.t.Fatalf("GET %s: %d %q %v %v", path, status, header.Get("Degraded"), answer, err)
	}
	return answer
}

// rest waits until what the service keeps is small enough and returns it.
func (l *lane) rest(enough func(kept) bool) (k kept) {
	l.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		l.read(l.process.operator+"/kept", &k)
		if enough(k) || time.Now().After(deadline) {
			return k
		}
		l.pause(200 * time.Millisecond)
	}
}

func (l *lane) read(url string, into any) {
	l.t.Helper()
	if err := fetch(l.t.Context(), url, into); err != nil {
		l.t.Fatal(err)
	}
}

func fetch(ctx context.Context, url string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(into)
}

// state is the service as customers may see it.
type state struct {
	Level        string
	Dependencies []struct {
		Name     string
		Up       bool
		Breaker  string
		Deferred int `json:"deferred_writes"`
	}
}

func (s state) down() (all []string) {
	for _, d := range s.Dependencies {
		if !d.Up {
			all = append(all, d.Name)
		}
	}
	return all // sorted, as the service says it
}

func (s state) waiting() (n int) {
	for _, d := range s.Dependencies {
		n += d.Deferred
	}
	return n
}

func (s state) breaker(name string) string {
	for _, d := range s.Dependencies {
		if d.Name == name {
			return d.Breaker
		}
	}
	return ""
}

// look returns the state, a zero one while nobody answers.
func (l *lane) look() (s state) {
	ctx, cancel := context.WithTimeout(l.t.Context(), 5*time.Second)
	defer cancel()
	if err := fetch(ctx, l.crowd.Base()+"/status", &s); err != nil {
		return state{}
	}
	return s
}

// sights are what was seen of the service over time.
type sights struct {
	mu   sync.Mutex
	seen []scenario.Sight
}

// watch looks at the service until ctx ends.
func (l *lane) watch(ctx context.Context) {
	ticker := time.NewTicker(scenario.Slice / 2)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			at, s := time.Now(), l.look()
			l.sights.mu.Lock()
			l.sights.seen = append(l.sights.seen, scenario.Sight{At: at, Level: s.Level, Waiting: s.waiting()})
			l.sights.mu.Unlock()
		}
	}
}

func (l *lane) seen() []scenario.Sight {
	l.sights.mu.Lock()
	defer l.sights.mu.Unlock()
	return slices.Clone(l.sights.seen)
}

// await waits until the condition holds; it may take as long as patience.
func (l *lane) await(what string, condition func() bool) {
	l.t.Helper()
	l.within(patience, what, condition)
}

func (l *lane) within(d time.Duration, what string, condition func() bool) {
	l.t.Helper()
	deadline := time.Now().Add(d)
	for !condition() {
		if time.Now().After(deadline) {
			l.t.Fatalf("not within %s: %s; the service says %+v", d, what, l.look())
		}
		l.pause(20 * time.Millisecond)
	}
}

// pause lets time pass.
func (l *lane) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.t.Context().Done():
	}
}

// change is a line of the service's own history.
type change struct {
	Kind, Dependency, From, To, Reason string
	At                                 time.Time
}

func (l *lane) history(since time.Time) (all []change) {
	l.t.Helper()
	var every []change
	l.read(l.process.operator+"/api/history", &every)
	for _, c := range every {
		if c.At.After(since) {
			all = append(all, c)
		}
	}
	return all
}

// receipt reads a receipt from the bucket itself.
func (l *lane) receipt(id string) (text string, found bool) {
	l.t.Helper()
	document, err := l.bucket.Open(l.t.Context(), "receipts/"+id+".txt")
	if errors.Is(err, archive.ErrNoObject) {
		return "", false
	}
	if err != nil {
		l.t.Fatal(err)
	}
	defer document.Close()
	body, err := io.ReadAll(document)
	if err != nil {
		l.t.Fatal(err)
	}
	return string(body), true
}

// as runs a part of the lane as a subtest: what fails is the subtest's.
func (l *lane) as(name string, part func()) {
	l.t.Run(name, func(t *testing.T) {
		of, proxies := l.t, l.proxies
		l.t, l.proxies = t, proxies.On(t)
		defer func() { l.t, l.proxies = of, proxies }()
		part()
	})
}

// ownRedis reports whether the lane's Redis is nobody else's.
func ownRedis() bool { return os.Getenv("RESIL_TEST_REDIS_ADDR") == "" }
