//go:build linux

package app_test

import (
	"context"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/resilgo/resil/examples/retail/internal/standin"
	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/tools/servers"
)

var update = flag.Bool("update", false, "rewrite the screenshots in docs/images")

const operatorToken = "page-test"

// browse opens a page in headless Chromium.
func browse(t *testing.T, url string) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(servers.Browser(t)), chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox, // the tests may run as root, where Chromium has none
		chromedp.Flag("disable-quic", true),
	)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	steps(t, ctx, chromedp.EmulateViewport(1280, 1000), chromedp.Navigate(url))
	return ctx
}

func steps(t *testing.T, ctx context.Context, actions ...chromedp.Action[chromedp.Void]) { //nolint:revive // t first, as everywhere here
	t.Helper()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// wait waits until a JavaScript expression is true.
func wait(t *testing.T, ctx context.Context, expression string) { //nolint:revive // as above
	t.Helper()
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(patience))); err != nil {
		text, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
		t.Fatalf("%s never became true: %v; the page says\n%s", expression, err, text)
	}
}

func evaluate[T any](t *testing.T, ctx context.Context, expression string) T { //nolint:revive // as above
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// shoot takes a picture for the docs.
func shoot(t *testing.T, ctx context.Context, name string) { //nolint:revive // as above
	t.Helper()
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if len(picture) < 10_000 {
		t.Errorf("the picture %s holds %d bytes: nothing is on it", name, len(picture))
	}
	if *update {
		folder := filepath.Join("..", "..", "..", "..", "docs", "images")
		if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // documentation is for everybody
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o644); err != nil { //nolint:gosec // as above
			t.Fatal(err)
		}
	}
}

// customers ask for a page all the time until the test ends; what they are told
// is for other tests.
func customers(t *testing.T, url string) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	var all sync.WaitGroup
	t.Cleanup(func() { leave(); all.Wait() })
	for range 4 {
		all.Go(func() {
			for ctx.Err() == nil {
				request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
				if err != nil {
					t.Error(err)
					return
				}
				if response, err := http.DefaultClient.Do(request); err == nil {
					_, _ = io.Copy(io.Discard, response.Body)
					_ = response.Body.Close()
				}
			}
		})
	}
}

// state is an expression for what the page shows of a dependency's breaker.
func state(dependency string) string {
	return `[...document.querySelectorAll('#rows tr')].find((r) => r.cells[0].textContent === '` + dependency + `')?.cells[1].firstElementChild.className`
}

func TestPageShowsAWholeOutage(t *testing.T) {
	policies := quick()
	policies.Levels = resil.LevelConfig{Stable: time.Second, MaxStable: 2 * time.Second}
	cfg := standIns(t)
	cfg.AdminToken = operatorToken
	s := openWith(t, policies, cfg)
	operators := httptest.NewServer(s.app.Operators)
	t.Cleanup(operators.Close)
	customers(t, s.url+"/items/mug")
	page := browse(t, operators.URL)

	wait(t, page, `document.querySelector('#level-name').textContent === 'optimal'`)
	wait(t, page, `document.querySelectorAll('#rows tr').length === 4`)
	wait(t, page, state("db")+` === 'state closed'`)
	if problems := evaluate[string](t, page, accessibility); problems != "" {
		t.Errorf("for a screen reader: %s", problems)
	}
	shoot(t, page, "page-optimal")

	s.set(standin.Refuse, "openai", "redis")
	wait(t, page, `document.querySelector('#level-name').textContent === 'limited'`)
	wait(t, page, `document.querySelector('#level-reason').textContent.includes('openai')`)
	s.set(standin.Refuse, "db")
	wait(t, page, `document.querySelector('#level-name').textContent === 'emergency'`)
	wait(t, page, state("db")+` !== 'state closed'`)
	wait(t, page, `document.querySelectorAll('#timeline rect').length > 1`)
	shoot(t, page, "page-emergency")

	dark := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}}
	if _, err := chromedp.Call(page, emulation.SetEmulatedMedia, dark); err != nil {
		t.Fatal(err)
	}
	steps(t, page, chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile))
	steps(t, page, chromedp.SetValue("#lang", "es"))
	evaluate[bool](t, page, `document.querySelector('#lang').dispatchEvent(new Event('change'))`)
	wait(t, page, `document.querySelector('#level-name').textContent === 'emergencia' && document.documentElement.lang === 'es'`)
	if wide := evaluate[int](t, page, `document.documentElement.scrollWidth`); wide > 390 {
		t.Errorf("at a phone's width of 390 the page is %d wide", wide)
	}
	if colour := evaluate[string](t, page, `getComputedStyle(document.body).backgroundColor`); colour != "rgb(16, 19, 23)" {
		t.Errorf("dark mode has the background %s", colour)
	}
	shoot(t, page, "page-phone-dark-spanish")

	s.set(standin.None, "openai", "redis", "db")
	wait(t, page, `document.querySelector('#level-name').textContent === 'óptimo'`)
	wait(t, page, state("db")+` === 'state closed'`)
	if changes := evaluate[int](t, page, `document.querySelectorAll('#changes li').length`); changes < 6 {
		t.Errorf("the page tells %d changes of a whole outage", changes)
	}
}

func TestPageControls(t *testing.T) {
	cfg := standIns(t)
	cfg.AdminToken = operatorToken
	s := openWith(t, quick(), cfg)
	operators := httptest.NewServer(s.app.Operators)
	t.Cleanup(operators.Close)
	page := browse(t, operators.URL)
	wait(t, page, `document.querySelector('#level-name').textContent === 'optimal'`)

	// By keyboard alone: the form is reached with Tab and sent with Enter.
	steps(t, page, chromedp.SetValue("#force-level select[name=level]", "limited"),
		chromedp.SendKeys("#force-level input[name=reason]", "drill\r"))
	wait(t, page, `document.querySelector('#answer').textContent.includes('not authorized')`)
	if s.app.System.Level() != resil.Optimal {
		t.Error("the level moved without a token")
	}
	steps(t, page, chromedp.SendKeys("#token", operatorToken), chromedp.SendKeys("#force-level input[name=reason]", "\r"))
	wait(t, page, `document.querySelector('#level-name').textContent === 'limited'`)
	wait(t, page, `document.querySelector('#level-reason').textContent.includes('drill (operator)')`)
	steps(t, page, chromedp.Click("#release-level"))
	wait(t, page, `document.querySelector('#level-name').textContent === 'optimal'`)
}

func TestPageStaysSmoothWithAThousandDependencies(t *testing.T) {
	sys := manyDependencies(t, 1000)
	operators := httptest.NewServer(sys)
	t.Cleanup(operators.Close)
	page := browse(t, operators.URL)
	wait(t, page, `document.querySelectorAll('#rows tr').length === 1000`)
	steps(t, page, chromedp.SendKeys("#filter", "dep-0999"))
	wait(t, page, `[...document.querySelectorAll('#rows tr')].filter((r) => !r.hidden).length === 1`)
	// What costs a browser time is changes of the page. A row that stayed the
	// same must cause none, so that a second with few changes is cheap however
	// many rows there are.
	changes := evaluate[int](t, page, `(() => {
		const watch = new MutationObserver(() => {});
		watch.observe(document.querySelector('#rows'), { subtree: true, childList: true, characterData: true });
		for (const entry of dependencies.values()) drawRow(entry);
		applyFilter();
		return watch.takeRecords().length;
	})()`)
	if changes != 0 {
		t.Errorf("redrawing rows that stayed the same changes the page %d times", changes)
	}
}

// accessibility returns what a screen reader would stumble over, "" if nothing.
var accessibility = strings.TrimSpace(`
[
  ...[...document.querySelectorAll('button, input, select, summary, [tabindex="0"]')]
    .filter((e) => !e.closest('[hidden]') && !(e.getAttribute('aria-label') || e.labels?.length || e.textContent.trim() || e.getAttribute('aria-labelledby')))
    .map((e) => 'no name: ' + e.outerHTML),
  ...[...document.querySelectorAll('table th:not([scope])')].map((e) => 'no scope: ' + e.outerHTML),
  document.documentElement.lang ? '' : 'no language',
  document.querySelectorAll('h1').length === 1 ? '' : 'not one h1',
  document.querySelector('main') ? '' : 'no main',
  document.querySelector('[aria-live]') ? '' : 'no live region',
].filter(Boolean).join('; ')
`)
