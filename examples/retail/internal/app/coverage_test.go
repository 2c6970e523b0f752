//go:build linux

package app_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestCoveragePage looks at resilvet's report on this example in a browser: it
// says what the report for machines says, asks nobody for anything, and can be
// used on a phone and with the keyboard.
func TestCoveragePage(t *testing.T) {
	work := t.TempDir()
	resilvet := filepath.Join(work, "resilvet")
	root := filepath.Join("..", "..", "..", "..")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", resilvet, "./cmd/resilvet")
	build.Dir = root // it is of another module
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	report := func(format string) []byte {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), resilvet, "-report", format, "./...")
		cmd.Dir = filepath.Join("..", "..")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", cmd, err)
		}
		return out
	}
	var want struct {
		Total struct{ Percent int }
		Calls []struct{ Guard, Excluded string }
	}
	if err := json.Unmarshal(report("json"), &want); err != nil {
		t.Fatal(err)
	}
	var guarded, counted int
	for _, c := range want.Calls {
		if c.Excluded == "" {
			counted++
			if c.Guard != "" {
				guarded++
			}
		}
	}
	// In a folder whose name would break an address that is not escaped.
	page := filepath.Join(work, "#1 & <two>.html")
	if err := os.WriteFile(page, report("html"), 0o600); err != nil {
		t.Fatal(err)
	}

	ctx := browse(t, "about:blank")
	address := "file://" + strings.NewReplacer(" ", "%20", "#", "%23", "<", "%3C", ">", "%3E", "&", "%26").Replace(page)
	steps(t, ctx, chromedp.Navigate(address))
	const shown = `[...document.querySelectorAll("#calls tbody tr")].filter(r => r.checkVisibility()).length`
	if got, wanted := evaluate[string](t, ctx, `document.getElementById("percent").textContent`), fmt.Sprintf("%d %%", want.Total.Percent); got != wanted {
		t.Errorf("the page says %q, the report for machines %q", got, wanted)
	}
	if got := evaluate[int](t, ctx, shown); got != counted {
		t.Errorf("%d calls are shown, want the %d that count", got, counted)
	}

	// With the keyboard alone: to the filter, some words, and a state less.
	evaluate[bool](t, ctx, `document.getElementById("text").focus() ?? true`)
	steps(t, ctx, chromedp.KeyEvent("decorator  SQL"))
	wait(t, ctx, shown+fmt.Sprintf(` > 0 && %s < %d`, shown, counted))
	steps(t, ctx, chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(" ")) // guarded
	wait(t, ctx, shown+` === 0`)
	if got := evaluate[string](t, ctx, `document.getElementById("shown").textContent`); !strings.HasPrefix(got, "0 of ") {
		t.Errorf("the page says that %q are shown", got)
	}

	// On a phone the tables move, the page does not.
	legible(t, ctx)
	fits(t, ctx)
	steps(t, ctx, chromedp.EmulateViewport(360, 740))
	if !evaluate[bool](t, ctx, `[...document.querySelectorAll(".scroll")].some(s => s.scrollWidth > s.clientWidth && s.tabIndex === 0)`) {
		t.Error("what does not fit cannot be reached with the keyboard")
	}
	if n := evaluate[int](t, ctx, `performance.getEntriesByType("resource").length`); n > 0 {
		t.Errorf("the page asked for %d things", n)
	}
	if guarded == 0 {
		t.Error("nothing of the example is guarded")
	}
}
