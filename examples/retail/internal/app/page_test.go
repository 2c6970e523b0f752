//go:build linux

package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/resilgo/resil/examples/retail/internal/standin"
	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/chaos"
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

// state is an expression for how the page says a dependency is.
func state(dependency string) string {
	return `document.querySelector('#rows tr[data-name="` + dependency + `"] .pill')?.textContent`
}

const levelName = `document.querySelector('#level-name').textContent`

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

	wait(t, page, levelName+` === 'Optimal'`)
	wait(t, page, `document.querySelectorAll('#rows tr').length === 4`)
	wait(t, page, state("db")+` === 'closed'`)
	wait(t, page, `document.querySelector('#rows tr[data-name="redis"] td.p99').textContent.endsWith('s')`)

	s.set(standin.Refuse, "openai", "redis")
	wait(t, page, levelName+` === 'Limited'`)
	wait(t, page, `document.querySelector('#level-reason').textContent === 'openai is down'`)
	wait(t, page, `document.querySelector('#rows tr').dataset.name === 'openai'`) // the sick first, the most needed of them before all
	s.set(standin.Refuse, "db")
	wait(t, page, levelName+` === 'Emergency'`)
	wait(t, page, `document.querySelector('#level-reason').textContent.endsWith('health 10 is below 30')`)
	wait(t, page, state("db")+` !== 'closed'`)
	wait(t, page, `document.querySelectorAll('#timeline rect').length > 1 && document.querySelectorAll('#lanes li').length === 3`)
	wait(t, page, `document.querySelector('#rows tr[data-name="db"] td.state').innerText.includes('writes: ')`)
	readAloud(t, page)

	// What callers get, on demand.
	wait(t, page, `document.querySelector('#rows tr[data-name="db"] .toggle').click() ?? true`)
	wait(t, page, `document.querySelector('.detail .matrix .shed') !== null && document.querySelector('.detail dd').textContent.includes('directive store.go')`)

	for _, language := range []string{"en", "es"} {
		speak(t, page, language)
		if foreign := evaluate[string](t, page, otherLanguage); foreign != "" {
			t.Errorf("in %q the page says %s", language, foreign)
		}
	}
	wait(t, page, levelName+` === 'Emergencia' && document.documentElement.lang === 'es'`)

	s.set(standin.None, "openai", "redis", "db")
	wait(t, page, levelName+` === 'Óptimo'`)
	wait(t, page, state("db")+` === 'cerrado'`)
	if changes := evaluate[int](t, page, `document.querySelectorAll('#changes li').length`); changes < 6 {
		t.Errorf("the page tells %d changes of a whole outage", changes)
	}
	if foreign := evaluate[string](t, page, otherLanguage); foreign != "" {
		t.Errorf("after the outage, in Spanish, the page says %s", foreign)
	}
}

// speak chooses a language as a person does.
func speak(t *testing.T, page context.Context, language string) { //nolint:revive // t first, as everywhere here
	t.Helper()
	steps(t, page, chromedp.SetValue("#lang", language))
	evaluate[bool](t, page, `document.querySelector('#lang').dispatchEvent(new Event('change'))`)
	wait(t, page, `document.documentElement.lang === '`+language+`'`)
}

// otherLanguage returns what the page says that is a text of the other
// language, or of none, "" if nothing is.
const otherLanguage = `(() => {
	const words = (l) => Object.values(texts[l]).flatMap((v) => typeof v === 'string' ? [v] : v.optimal ? Object.values(v) : []);
	const keys = (l) => Object.keys(texts[l]).sort().join();
	if (keys('en') !== keys('es')) return 'keys differ: ' + keys('en') + ' / ' + keys('es');
	const mine = new Set(words(lang));
	const foreign = new Set(words(lang === 'en' ? 'es' : 'en').filter((w) => !mine.has(w)));
	const said = [];
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n = walk.nextNode(); n; n = walk.nextNode()) {
		if (!n.parentElement.closest('noscript, script, #lang, dt, .value')) said.push(n.textContent);
	}
	for (const e of document.querySelectorAll('[aria-label], [title], [placeholder], [data-label]')) {
		for (const a of ['aria-label', 'title', 'placeholder', 'data-label']) said.push(e.getAttribute(a) ?? '');
	}
	const bad = said.flatMap((s) => s.split(' · ')).map((s) => s.trim()).filter((s) => foreign.has(s)
		|| (lang === 'es' && /\b(down|failures|probes|calls|period|health|good again|below|waiting|and)\b/.test(s)));
	return [...new Set(bad)].join(' | ');
})()`

// readAloud looks at the page as a screen reader does, by its accessibility
// tree.
func readAloud(t *testing.T, page context.Context) { //nolint:revive // t first, as everywhere here
	t.Helper()
	tree, err := chromedp.Call(page, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		t.Fatal(err)
	}
	text := func(v *accessibility.Value) string {
		if v == nil {
			return ""
		}
		var s string
		_ = json.Unmarshal(v.Value, &s) // a name or role is always a string
		return s
	}
	said := map[string][]string{}
	for _, n := range tree.Nodes {
		if n.Ignored {
			continue
		}
		role, name := text(n.Role), text(n.Name)
		said[role] = append(said[role], name)
		switch role {
		case "button", "textbox", "searchbox", "combobox", "checkbox", "table", "image", "columnheader", "rowheader", "link", "region", "dialog":
			if name == "" {
				t.Errorf("a screen reader says %q and no name", role)
			}
		}
	}
	for role, names := range map[string][]string{
		"heading":      {"resil", "Emergency", "Dependencies", "The last hour", "Controls"},
		"main":         {""},
		"table":        {"Dependencies"},
		"columnheader": {"Name", "State", "Calls/s", "Errors", "Refused", "p50", "p99", "Control"},
		"combobox":     {"Language"},
		"searchbox":    {"Filter"},
		"checkbox":     {"only what is not well"},
		"button":       {"db", "Control db", "Force the level…", "Policies off…"},
	} {
		for _, name := range names {
			if !slices.Contains(said[role], name) {
				t.Errorf("a screen reader finds no %s %q; it finds %q", role, name, said[role])
			}
		}
	}
	if len(said["row"]) != 5 || len(said["cell"]) != 40 {
		t.Errorf("a screen reader finds %d rows of %d cells; want 5 of 40", len(said["row"]), len(said["cell"]))
	}
	if n := evaluate[int](t, page, `[...document.querySelectorAll('body *')].filter((e) => ['auto', 'scroll'].includes(getComputedStyle(e).overflowY) && e.tabIndex < 0).length`); n != 0 {
		t.Errorf("%d parts scroll and cannot be reached by keyboard", n)
	}
	if spoken := evaluate[string](t, page, `document.querySelector('[aria-live=assertive]').textContent`); !strings.HasPrefix(spoken, "Emergency. ") || !strings.Contains(spoken, "openai") {
		t.Errorf("a screen reader is told %q of the level", spoken)
	}
}

func TestPageControlsByKeyboardAlone(t *testing.T) {
	cfg := standIns(t)
	cfg.AdminToken = operatorToken
	s := openWith(t, quick(), cfg)
	operators := httptest.NewServer(s.app.Operators)
	t.Cleanup(operators.Close)
	page := browse(t, operators.URL)
	wait(t, page, levelName+` === 'Optimal' && document.querySelectorAll('#rows tr').length === 4`)

	keys := func(text string) {
		t.Helper()
		steps(t, page, chromedp.KeyEvent(text))
	}
	// to presses Tab until the focus is where an expression says; visible says
	// that one can see it there.
	to := func(where string) {
		t.Helper()
		for range 60 {
			keys(kb.Tab)
			if evaluate[bool](t, page, `document.activeElement.matches(`+"`"+where+"`"+`)`) {
				if !evaluate[bool](t, page, `getComputedStyle(document.activeElement).outlineStyle !== 'none'`) {
					t.Errorf("nothing shows that the focus is at %s", where)
				}
				return
			}
		}
		t.Fatalf("Tab never comes to %s", where)
	}
	to("[data-act=level]")
	keys(kb.Enter)
	wait(t, page, `document.querySelector('#dialog').open`)
	steps(t, page, chromedp.SetValue("#what", "limited"))
	to("#reason")
	keys("drill")
	to("#token")
	keys("wrong")
	keys(kb.Enter)
	wait(t, page, `document.querySelector('#refusal').textContent === 'The token is not accepted.'`)
	if s.app.System.Level() != resil.Optimal {
		t.Error("the level moved without a token")
	}
	evaluate[string](t, page, `document.querySelector('#token').value = ''`)
	to("#token")
	keys(operatorToken + kb.Enter)
	wait(t, page, levelName+` === 'Limited' && !document.querySelector('#dialog').open`)
	wait(t, page, `document.querySelector('#notices').textContent.includes('drill (by operator)')`)
	to("[data-act=level]")
	keys(kb.Enter)
	wait(t, page, `document.querySelector('#dialog').open && document.querySelector('#field-token').hidden && document.querySelector('#field-reason').hidden`)
	to("#confirm")
	keys(kb.Enter)
	wait(t, page, levelName+` === 'Optimal' && document.querySelector('#notices').textContent === ''`)

	// A breaker: without a reason nothing is sent, Escape leaves.
	to(`tr[data-name="redis"] td.steer button`)
	keys(kb.Enter)
	wait(t, page, `document.querySelector('#dialog-title').textContent === 'Control redis'`)
	to("#confirm")
	keys(kb.Enter)
	if !evaluate[bool](t, page, `document.querySelector('#dialog').open && document.querySelector('#reason').matches(':invalid')`) {
		t.Error("an order without a reason is sent")
	}
	keys(kb.Escape)
	wait(t, page, `!document.querySelector('#dialog').open`)
	to(`tr[data-name="redis"] td.steer button`)
	keys(kb.Enter)
	to("#reason")
	keys("repair" + kb.Enter)
	wait(t, page, state("redis")+` === 'forced open'`)
	wait(t, page, levelName+` === 'Degraded'`)

	to("[data-act=kill]")
	keys(kb.Enter)
	to("#reason")
	keys("wrong guard" + kb.Enter)
	wait(t, page, `document.querySelector('#notices').textContent.includes('All policies are off until')`)
	if k := s.app.System.Status().Killed; k == nil || k.Reason != "wrong guard (operator)" {
		t.Errorf("killed %+v", k)
	}
}

func TestPageOffersNoControlToThoseWhoHaveNone(t *testing.T) {
	s := openWith(t, quick(), standIns(t))
	operators := httptest.NewServer(s.app.Operators)
	t.Cleanup(operators.Close)
	page := browse(t, operators.URL)
	wait(t, page, `document.querySelectorAll('#rows tr .pill').length === 4`)
	if n := evaluate[int](t, page, `[...document.querySelectorAll('button')].filter((b) => b.checkVisibility() && !b.matches('.toggle')).length`); n != 0 {
		t.Errorf("%d buttons are offered without an authorizer", n)
	}
}

func TestPageSaysThatItHearsNothing(t *testing.T) {
	s := openWith(t, quick(), standIns(t))
	operators := httptest.NewServer(s.app.Operators)
	page := browse(t, operators.URL)
	wait(t, page, levelName+` === 'Optimal'`)
	operators.CloseClientConnections()
	operators.Listener.Close() //nolint:errcheck // the point is that nobody answers
	wait(t, page, `document.body.classList.contains('stale') && document.querySelector('#link').textContent.startsWith('Connection lost. What is shown is of ')`)
}

// A proxy says 503 while the service restarts, and we do while too many watch:
// browsers give up a stream then.
func TestPageComesBackAfterARefusal(t *testing.T) {
	h := manyDependencies(t, 1)
	var refused atomic.Int32
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/events" && refused.Add(1) == 1 {
			http.Error(w, "too many viewers", http.StatusServiceUnavailable)
			return
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(site.Close)
	page := browse(t, site.URL)
	wait(t, page, levelName+` === 'Optimal' && document.querySelector('#link').textContent === 'live'`)
}

func TestPageStaysSmoothWithAThousandDependencies(t *testing.T) {
	sys := manyDependencies(t, 1000)
	operators := httptest.NewServer(sys)
	t.Cleanup(operators.Close)
	page := browse(t, operators.URL)
	wait(t, page, `document.querySelectorAll('#rows tr').length === 1000 && [...dependencies.values()].filter((e) => e.visible).length < 40`)
	// What costs a browser time is changes of the page. In a second in which
	// every dependency has new numbers, only rows that somebody sees change.
	type cost struct{ Changes, Visible, Still, Millis float64 }
	got := evaluate[cost](t, page, `(() => {
		const watch = new MutationObserver(() => {});
		watch.observe(document.querySelector('#rows'), { subtree: true, childList: true, characterData: true, attributes: true });
		const all = [...dependencies.values()];
		const begun = performance.now();
		receive({ ...system, changes: [], dependencies: all.map(({ data }) => ({ ...data, rate: data.rate + 1.5, errors: .5, p50: .1, p95: .2, p99: .3 })) });
		document.body.getBoundingClientRect();
		const millis = performance.now() - begun;
		const changes = watch.takeRecords().length;
		receive({ ...system, changes: [], dependencies: all.map(({ data }) => data) });
		return { changes, millis, still: watch.takeRecords().length, visible: all.filter((e) => e.visible).length };
	})()`)
	t.Logf("a second in which all of 1000 dependencies change: %.0f ms, %.0f changes of %.0f visible rows", got.Millis, got.Changes, got.Visible)
	if got.Visible < 5 || got.Visible > 100 || got.Changes > 20*got.Visible {
		t.Errorf("%.0f changes of the page for %.0f visible rows", got.Changes, got.Visible)
	}
	if got.Still != 0 {
		t.Errorf("redrawing rows that stayed the same changes the page %.0f times", got.Still)
	}
	// A row that comes into view shows the newest numbers.
	evaluate[bool](t, page, `(document.querySelector('#rows tr[data-name="dep-0900"]').scrollIntoView(), true)`)
	wait(t, page, `document.querySelector('#rows tr[data-name="dep-0900"] .errors').textContent === '50 %'`)
	steps(t, page, chromedp.SendKeys("#filter", "dep-0999"))
	wait(t, page, `[...document.querySelectorAll('#rows tr')].filter((r) => !r.hidden).length === 1`)
}

// Whoever looks at a sick system must know at once when it is sick on purpose,
// and how to end it.
func TestPageSaysLoudlyThatFaultsAreInjected(t *testing.T) {
	sys, h, faults := faulty(t, chaos.Fault{Kind: chaos.Error, Dependency: "redis"}, chaos.Fault{Kind: chaos.Latency, Delay: time.Second, Method: "Suggest*"})
	redis := sys.Dependency("redis")
	operators := httptest.NewServer(h)
	t.Cleanup(operators.Close)
	page := browse(t, operators.URL)
	const banner = `document.querySelector('#chaos')`
	wait(t, page, levelName+` === 'Optimal' && !`+banner+`.checkVisibility()`)
	press := func(where string) {
		t.Helper()
		evaluate[bool](t, page, `(document.querySelector('`+where+`').focus(), document.activeElement.matches('`+where+`'))`)
		steps(t, page, chromedp.KeyEvent(kb.Enter))
	}

	press("#controls [data-act=chaos]")
	wait(t, page, `document.querySelector('#dialog').open`)
	steps(t, page, chromedp.SendKeys("#token", operatorToken), chromedp.SendKeys("#reason", "game day"), chromedp.SetValue("#ttl", "15m"))
	press("#confirm")
	wait(t, page, banner+`.checkVisibility()`)
	if _, err := resil.Do(t.Context(), redis, func(context.Context) (int, error) { return 1, nil }); !errors.Is(err, chaos.ErrInjected) {
		t.Fatal(err)
	}
	wait(t, page, banner+`.innerText.includes('1 call hit')`)
	said := evaluate[string](t, page, banner+`.innerText`)
	until := faults.Status().Until.Format(time.TimeOnly)
	for _, want := range []string{"Faults are injected on purpose", "Errors (redis) and delays (*.Suggest*)", "Since ", "Until " + until, "in 15 min", "game day (by operator)", "End the faults…"} {
		if !strings.Contains(said, want) {
			t.Errorf("the banner says\n%s\nand not %q", said, want)
		}
	}
	if !evaluate[bool](t, page, `document.title.includes('faults injected') && document.querySelector('#spoken').textContent.endsWith('Faults are injected on purpose: errors (redis) and delays (*.Suggest*).')`) {
		t.Error("neither the tab nor a screen reader is told")
	}
	// What stays the same is said once.
	if n := evaluate[int](t, page, `(() => { const w = new MutationObserver(() => {}); w.observe(document.querySelector('#spoken'), { childList: true, characterData: true, subtree: true }); tick(); tick(); return w.takeRecords().length })()`); n != 0 {
		t.Errorf("a screen reader is told the same %d times", n)
	}

	speak(t, page, "es")
	wait(t, page, banner+`.innerText.includes('Se inyectan fallos a propósito') && `+banner+`.innerText.includes('game day (por operator)')`)
	if foreign := evaluate[string](t, page, otherLanguage); foreign != "" {
		t.Errorf("in Spanish the page says %s", foreign)
	}
	press("#chaos [data-act=chaos]")
	wait(t, page, `document.querySelector('#dialog').open && document.querySelector('#dialog-title').textContent === 'Terminar los fallos' && document.querySelector('#field-reason').hidden`)
	press("#confirm")
	wait(t, page, `!`+banner+`.checkVisibility() && !document.title.includes('fallos')`)
	if faults.Status().Enabled {
		t.Error("the faults go on")
	}
}

// replay serves the page to a browser with what was recorded, as of then.
func replay(t *testing.T, recorded map[string][]byte) (page context.Context) {
	t.Helper()
	files := manyDependencies(t, 0) // serves the page's files
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := recorded[r.URL.RequestURI()]
		switch {
		case !ok:
			files.ServeHTTP(w, r)
		case r.URL.Path == "/api/events":
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = w.Write(body)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		default:
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(body)
		}
	}))
	t.Cleanup(site.Close)
	page = browse(t, "about:blank")
	media(t, page, "light")
	steps(t, page, chromedp.Navigate(site.URL))
	wait(t, page, `system !== null && document.querySelector('#lanes li') !== null`)
	still(t, page)
	return page
}

// media chooses light or dark, without motion.
func media(t *testing.T, page context.Context, scheme string) { //nolint:revive // t first, as everywhere here
	t.Helper()
	features := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}}
	if _, err := chromedp.Call(page, emulation.SetEmulatedMedia, features); err != nil {
		t.Fatal(err)
	}
}

// legible looks at the page in light and dark for texts that are hard to read.
func legible(t *testing.T, page context.Context) { //nolint:revive // as above
	t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		media(t, page, scheme)
		var pale []string
		if err := json.Unmarshal([]byte(evaluate[string](t, page, contrast)), &pale); err != nil || len(pale) > 0 {
			t.Errorf("%s: hard to read: %q %v", scheme, pale, err)
		}
	}
}

// fits looks at the page in widths from a small phone to a laptop for what
// stands out.
func fits(t *testing.T, page context.Context) { //nolint:revive // as above
	t.Helper()
	for _, width := range []int64{320, 390, 600, 768, 1024} {
		steps(t, page, chromedp.EmulateViewport(width, 844, chromedp.EmulateMobile))
		if wide := evaluate[int64](t, page, `document.documentElement.scrollWidth`); wide > width {
			t.Errorf("at a width of %d the page is %d wide", width, wide)
		}
		if wide := evaluate[string](t, page, `[...document.querySelectorAll('body *')].filter((e) => e.checkVisibility() && !e.closest('.skip, .scroll, .unseen, #dependencies > table > thead') && e.getBoundingClientRect().right > `+strconv.FormatInt(width, 10)+`).map((e) => e.tagName + '.' + e.className + '#' + e.id).join(' ')`); wide != "" {
			t.Errorf("at a width of %d these stand out: %s", width, wide)
		}
	}
}

// The pictures in the docs show an hour that was lived through in virtual time:
// what the page is told at its end is recorded, and told to the browser.
func TestPicturesOfAnHour(t *testing.T) {
	page := replay(t, anHour(t, hour))
	wait(t, page, levelName+` === 'Emergency'`)
	shoot(t, page, "page-emergency")

	evaluate[bool](t, page, `document.querySelector('#rows tr[data-name="db"] .toggle').click() ?? true`)
	wait(t, page, `document.querySelector('.detail .matrix') !== null`)
	evaluate[bool](t, page, `(document.querySelector('.detail details').open = true)`)
	shoot(t, page, "page-details")
	evaluate[bool](t, page, `document.querySelector('#rows tr[data-name="db"] .toggle').click() ?? true`)

	media(t, page, "dark")
	steps(t, page, chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile))
	speak(t, page, "es")
	if colour := evaluate[string](t, page, `getComputedStyle(document.body).backgroundColor`); colour != "rgb(16, 19, 23)" {
		t.Errorf("dark mode has the background %s", colour)
	}
	fits(t, page)
	steps(t, page, chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile))
	wait(t, page, `document.querySelector('#rows tr .pill') !== null`)
	if foreign := evaluate[string](t, page, otherLanguage); foreign != "" {
		t.Errorf("in Spanish the page says %s", foreign)
	}
	shoot(t, page, "page-phone-dark-spanish")
	legible(t, page)
}

// The same on a game day, when the hour ends with faults on purpose.
func TestPicturesOfAGameDay(t *testing.T) {
	page := replay(t, anHour(t, gameDay(), chaos.Fault{Kind: chaos.Error, Dependency: "redis"}, chaos.Fault{Kind: chaos.Latency, Delay: time.Second, Dependency: "openai"}))
	wait(t, page, levelName+` === 'Degraded' && document.querySelector('#chaos').checkVisibility()`)
	shoot(t, page, "page-chaos")
	fits(t, page)
	legible(t, page)
}

// still keeps the page's clock where the recording ends.
func still(t *testing.T, page context.Context) { //nolint:revive // t first, as everywhere here
	t.Helper()
	evaluate[bool](t, page, `(() => { skew = new Date(system.at) - Date.now(); heard = Infinity; source.close(); for (let i = 1; i < 20; i++) clearInterval(i); tick(); drawTimeline(); return true })()`)
}

// contrast returns the texts whose contrast is below the 4.5 of WCAG 2, as JSON.
const contrast = `(() => {
	const parse = (c) => c.match(/[\d.]+/g).map(Number);
	const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
		.reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
	const ground = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > .9) return c; } return [255, 255, 255]; };
	const pale = new Set();
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n = walk.nextNode(); n; n = walk.nextNode()) {
		const e = n.parentElement;
		if (!n.textContent.trim() || !e.checkVisibility() || e.closest('.skip, .unseen, script, option')) continue;
		const [a, b] = [luminance(parse(getComputedStyle(e).color)), luminance(ground(e))].sort((x, y) => y - x);
		if ((a + .05) / (b + .05) < 4.5) pale.add(n.textContent.trim() + ' ' + ((a + .05) / (b + .05)).toFixed(1));
	}
	return JSON.stringify([...pale]);
})()`
