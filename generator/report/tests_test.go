package report

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/resilgo/resil/generator/render"
)

// runTests runs the generated tests of testdata/shop against a decorator.
func runTests(t *testing.T, decorator string) (output string, ok bool) {
	t.Helper()
	files, err := Tests(input(t))
	if err != nil || len(files) != 1 {
		t.Fatalf("%d test files: %v", len(files), err)
	}
	dir := t.TempDir()
	write(t, dir, "shop_resil.go", []byte(decorator))
	write(t, dir, TestsFile, files[0].Content)
	shop, err := filepath.Abs("testdata/shop")
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(shop, "shop_resil.go"): filepath.Join(dir, "shop_resil.go"),
		filepath.Join(shop, TestsFile):       filepath.Join(dir, TestsFile),
	}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "overlay.json", overlay)
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-timeout=60s", "-overlay="+filepath.Join(dir, "overlay.json"), "./testdata/shop")
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod")
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

func decorator(t *testing.T) string {
	t.Helper()
	in := input(t)
	content, err := render.File(in.Fset, in.Packages[0], in.Packages[0].Files[0])
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestGeneratedTestsPass(t *testing.T) {
	files, err := Tests(input(t))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "tests.go.golden", files[0].Content)
	if out, ok := runTests(t, decorator(t)); !ok {
		t.Errorf("the tests fail on what resilgen generated:\n%s", out)
	}
}

// TestGeneratedTestsFailOnBrokenPolicies breaks policies of the generated
// decorator, several at a time, and wants each to be noticed at its place.
func TestGeneratedTestsFailOnBrokenPolicies(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a test binary for each group")
	}
	type change struct{ old, broken, fails string }
	for name, changes := range map[string][]change{
		"too much": {
			{"Failures: 5", "Failures: 50", "Prices/breaker"},
			{"Min: 10", "Min: 30", "Items/breaker"},
			{"Timeout: resil.Timeout{Attempt: 2 * time.Second", "Timeout: resil.Timeout{Attempt: 3 * time.Second", "Prices/Suggest/timeout"},
			{"TTL: 10 * time.Minute", "TTL: 12 * time.Minute", "Prices/Suggest/stale"},
			{"Strategy: resil.StrategyOutbox", "Strategy: resil.StrategyZero", "Items/Sell/failure"},
			{"Strategy: resil.StrategyCall", "Strategy: resil.StrategyZero", "Prices/Suggest/then_call"},
			{"Max: 20", "Max: 21", "Items/Count/bulkhead"},
			{"Burst: 20", "Burst: 21", "Prices/Describe/policy"},
			{"Total: 10 * time.Second", "Total: 20 * time.Second", "Prices/Suggest/policy"},
			{"Probes: 2", "Probes: 3", "Items/dependency"},
		},
		"too little": {
			{"Failures: 5", "Failures: 4", "Prices/breaker"},
			{"Min: 10", "Min: 7", "Items/breaker"},
			{"Attempts: 3", "Attempts: 2", "Prices/Suggest/failure"},
			{"TTL: 10 * time.Minute", "TTL: 9 * time.Minute", "Prices/Suggest/stale"},
			{"resil.ActStale, resil.ActStale, resil.ActFallback", "resil.ActStale, resil.ActShed, resil.ActShed", "Prices/Suggest/minimal"},
			{"Attempt: time.Second", "Attempt: 900 * time.Millisecond", "Items/Get/timeout"},
			{"resil.CallHedged(", "resil.Call(", "Prices/Describe/hedge"},
			{"errors.Is(err, ErrGone)", "errors.Is(err, nil)", "Prices/Suggest/ignore"},
			{"guard.Health(next.Ping)", "_ = guard", "Items/dependency"},
			{"Wait: 100 * time.Millisecond", "Wait: 0", "Items/dependency"},
		},
		"something else": {
			{`Dependency: "openai"`, `Dependency: "anthropic"`, "Prices/dependency"},
			{"Criticality: resil.Critical", "Criticality: resil.Low", "Items/dependency"},
			{"Open: time.Minute", "Open: time.Second", "Prices/breaker"},
			{"Slow: time.Second", "Slow: time.Minute", "Items/dependency"},
			{"Limit: 50", "Limit: 51", "Prices/Suggest/policy"},
			{"resil.ActStale, resil.ActStale, resil.ActFallback", "resil.ActCall, resil.ActCall, resil.ActFallback", "Prices/Suggest/policy"},
			{"After: 100 * time.Millisecond", "After: 90 * time.Millisecond", "Prices/Describe/hedge"},
			{"Base: 10 * time.Millisecond", "Base: 50 * time.Millisecond", "Items/Get/policy"},
			{"Essential: true", "Essential: false", "Items/Ping/policy"},
			{"resil.ActCall, resil.ActFallback, resil.ActFallback", "resil.ActCall, resil.ActCall, resil.ActFallback", "Items/Sell/minimal"},
			{`Name: "Put"`, `Name: "Set"`, "Items/Put/policy"},
			{"Dependency: \"db\",\n\t\tInterface: \"example.com/shop.Stock\"", "Dependency: \"stock\",\n\t\tInterface: \"example.com/shop.Stock\"", "Stock/dependency"},
			// Past the guard, and into another method's.
			{"return resil.CallWith(ctx, g.suggest, func(ctx context.Context) (int64, error) {\n\t\treturn g.next.Suggest(ctx, sku)\n\t}, resil", "if true {\n\t\treturn g.next.Suggest(ctx, sku)\n\t}\n\treturn resil.CallWith(ctx, g.suggest, func(ctx context.Context) (int64, error) {\n\t\treturn g.next.Suggest(ctx, sku)\n\t}, resil", "Prices/Suggest/failure"},
			{"resil.Call(ctx, g.put,", "resil.Call(ctx, g.count,", "Items/Put/minimal"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			code := regexp.MustCompile(`: +`).ReplaceAllString(decorator(t), ": ") // gofmt aligns values
			for _, c := range changes {
				if !strings.Contains(code, c.old) {
					t.Fatalf("nothing to break: no %q in\n%s", c.old, code)
				}
				code = strings.Replace(code, c.old, c.broken, 1)
			}
			out, ok := runTests(t, code)
			for _, c := range changes {
				if ok || !strings.Contains(out, "--- FAIL: TestDirectivesOf_"+c.fails+" ") {
					t.Errorf("%q is not noticed at %s:\n%s", c.broken, c.fails, out)
				}
			}
		})
	}
}
