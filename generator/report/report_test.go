package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/resilgo/resil/generator/directive"
	"github.com/resilgo/resil/generator/model"
	"github.com/resilgo/resil/runtime/metrics"
)

var update = flag.Bool("update", false, "rewrite the goldens; read the diff before committing it")

var shop = sync.OnceValues(func() (Input, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "shop/shop.go", mustRead("testdata/shop/shop.go"), parser.ParseComments)
	if err != nil {
		return Input{}, err
	}
	info := &types.Info{Defs: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: importer.ForCompiler(fset, "source", nil)}
	pkg, err := conf.Check("example.com/shop", fset, []*ast.File{file}, info)
	if err != nil {
		return Input{}, err
	}
	r := model.Build(model.Input{Fset: fset, Files: []*ast.File{file}, Pkg: pkg, Info: info})
	for _, p := range r.Problems {
		panic(directive.Format(fset, p))
	}
	return Input{Fset: fset, Packages: []*model.Package{r.Package}, Dir: "shop"}, nil
})

func mustRead(path string) []byte {
	data, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	return data
}

func input(t *testing.T) Input {
	t.Helper()
	in, err := shop()
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata/golden", name)
	if *update {
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs from the golden; got\n%s", name, got)
	}
}

// must returns the output of a report that cannot fail on good input.
func must(t *testing.T) func(out []byte, err error) []byte {
	return func(out []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

func TestGoldens(t *testing.T) {
	in := input(t)
	for name, report := range map[string]func() ([]byte, error){
		"list.txt":          func() ([]byte, error) { return List(in), nil },
		"list.json":         func() ([]byte, error) { return ListJSON(in) },
		"explain.txt":       func() ([]byte, error) { return Explain(in, "Prices.Suggest") },
		"explain-plain.txt": func() ([]byte, error) { return Explain(in, "shop.Prices.Model") },
		"explain-db.txt":    func() ([]byte, error) { return Explain(in, "example.com/shop.Items.Get") },
		"alerts.yml":        func() ([]byte, error) { return Alerts(in) },
		"dashboard.json":    func() ([]byte, error) { return Dashboard(in) },
		"runbook.md":        func() ([]byte, error) { return Runbook(in), nil },
		"experiments.json":  func() ([]byte, error) { return Experiments(in) },
	} {
		t.Run(name, func(t *testing.T) {
			first := must(t)(report())
			golden(t, name, first)
			if again := must(t)(report()); !bytes.Equal(first, again) {
				t.Error("the same input gives other bytes")
			}
		})
	}
}

func TestExplainOfAnUnknownMethodNamesTheNearest(t *testing.T) {
	_, err := Explain(input(t), "Prices.Sugest")
	if want := `no guarded interface has "Prices.Sugest"; did you mean Prices.Suggest?`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := Explain(input(t), "nothing"); err == nil || !strings.Contains(err.Error(), "resilgen list") {
		t.Errorf("got %v", err)
	}
}

// promtool returns the path of Prometheus' tool, which is installed if missing.
var promtool = sync.OnceValues(func() (string, error) {
	if path, err := exec.LookPath("promtool"); err == nil {
		return path, nil
	}
	install := exec.Command("../../tools/servers/install.sh", "prometheus")
	install.Stderr = os.Stderr
	if err := install.Run(); err != nil {
		return "", err
	}
	return exec.LookPath("promtool")
})

func runPromtool(t *testing.T, dir string, args ...string) {
	t.Helper()
	path, err := promtool()
	if err != nil {
		t.Fatalf("promtool: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func write(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestAlertsFireAndResolve(t *testing.T) {
	in, dir := input(t), t.TempDir()
	write(t, dir, "alerts.yml", must(t)(Alerts(in)))
	write(t, dir, "tests.yml", must(t)(AlertTests(in, "alerts.yml")))
	runPromtool(t, dir, "check", "rules", "alerts.yml")
	runPromtool(t, dir, "test", "rules", "tests.yml")
	// From its third version on Prometheus writes the bounds of buckets as
	// floating-point numbers.
	newer := bytes.ReplaceAll(must(t)(AlertTests(in, "alerts.yml")), []byte(`le=\"120\"`), []byte(`le=\"120.0\"`))
	newer = bytes.ReplaceAll(newer, []byte(`le="120"`), []byte(`le="120.0"`))
	if !bytes.Contains(newer, []byte("120.0")) {
		t.Fatal("no test names the bucket")
	}
	write(t, dir, "newer.yml", newer)
	runPromtool(t, dir, "test", "rules", "newer.yml")
}

// known are the names of the metrics that the runtime exports.
var known = map[string]bool{
	metrics.BreakerState: true, metrics.BreakerOpened: true, metrics.Calls: true, metrics.Attempts: true, metrics.CallDuration: true,
	metrics.Fallbacks: true, metrics.DegradationLevel: true, metrics.Transitions: true, metrics.HealthScore: true,
	metrics.DependencyUp: true, metrics.RecoverySeconds: true, metrics.OutboxDepth: true,
}

func checkMetrics(t *testing.T, text string) {
	t.Helper()
	names := regexp.MustCompile(`\bresil_[a-z_]+`).FindAllString(text, -1)
	if len(names) == 0 {
		t.Error("no metric is named")
	}
	for _, name := range names {
		if !known[name] && !known[strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_count")] {
			t.Errorf("no metric %s is exported", name)
		}
	}
}

func TestDashboardExpressionsParseAndNameExistingMetrics(t *testing.T) {
	dashboard := must(t)(Dashboard(input(t)))
	checkMetrics(t, string(dashboard))
	var board struct {
		Panels []struct {
			ID         int
			Title      string
			Type       string
			Datasource struct{ UID string }
			GridPos    struct{ X, Y, W, H int }
			Targets    []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(dashboard, &board); err != nil {
		t.Fatal(err)
	}
	ids := map[int]bool{}
	var rules strings.Builder
	rules.WriteString("groups:\n- name: dashboard\n  rules:\n")
	cells := map[[2]int]string{}
	for _, p := range board.Panels {
		if ids[p.ID] {
			t.Errorf("panel id %d is used twice", p.ID)
		}
		ids[p.ID] = true
		if p.Type != "row" && (p.Datasource.UID != "${datasource}" || len(p.Targets) == 0) {
			t.Errorf("panel %s: data source %q and %d targets", p.Title, p.Datasource.UID, len(p.Targets))
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, ok := cells[[2]int{x, y}]; ok {
					t.Fatalf("panels %s and %s overlap", p.Title, other)
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
		for _, target := range p.Targets {
			expr, err := json.Marshal(strings.ReplaceAll(target.Expr, "$__rate_interval", "5m"))
			if err != nil {
				t.Fatal(err)
			}
			rules.WriteString("  - record: dashboard:expr" + strings.Repeat("_", len(ids)) + "\n    expr: " + string(expr) + "\n")
		}
	}
	dir := t.TempDir()
	write(t, dir, "rules.yml", []byte(rules.String()))
	runPromtool(t, dir, "check", "rules", "rules.yml")
}

func TestAlertsAndRunbookNameExistingMetrics(t *testing.T) {
	checkMetrics(t, string(must(t)(Alerts(input(t)))))
	checkMetrics(t, string(Runbook(input(t))))
}

// TestExperimentsFollowTheFormat checks what the Chaos Toolkit's own validator
// wants; its published schema does not compile.
func TestExperimentsFollowTheFormat(t *testing.T) {
	type activity struct {
		Type, Name string
		Tolerance  any
		Provider   struct {
			Type, URL, Method string
			Headers           map[string]string
			Arguments         map[string]any
		}
	}
	var e struct {
		Title, Description string
		Hypothesis         struct {
			Title  string
			Probes []activity
		} `json:"steady-state-hypothesis"`
		Method, Rollbacks []activity
	}
	if err := json.Unmarshal(must(t)(Experiments(input(t))), &e); err != nil {
		t.Fatal(err)
	}
	if e.Title == "" || e.Description == "" || e.Hypothesis.Title == "" || len(e.Rollbacks) != 2 || len(e.Method) != 8 {
		t.Errorf("%+v", e)
	}
	for _, a := range append(append(e.Hypothesis.Probes, e.Method...), e.Rollbacks...) {
		if a.Name == "" || a.Provider.Type != "http" || !strings.HasPrefix(a.Provider.URL, "${base}/") {
			t.Errorf("activity %+v", a)
		}
		switch a.Type {
		case "probe":
			if a.Tolerance == nil {
				t.Errorf("probe %s tolerates anything", a.Name)
			}
		case "action":
			if a.Provider.Headers["Content-Type"] != "application/json" || a.Provider.Method != "POST" || a.Provider.Arguments["dependency"] == "" {
				t.Errorf("action %+v", a)
			}
		default:
			t.Errorf("activity of type %q", a.Type)
		}
	}
	if _, err := Experiments(input(t), "nothing"); err == nil {
		t.Error("an unknown dependency is no error")
	}
	one := must(t)(Experiments(input(t), "db"))
	if bytes.Contains(one, []byte("openai")) || !bytes.Contains(one, []byte("db")) {
		t.Errorf("experiments of db alone:\n%s", one)
	}
}
