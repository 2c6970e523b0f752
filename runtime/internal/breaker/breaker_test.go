package breaker

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/resilgo/resil/runtime/internal/mono"
)

func config() Config {
	return Config{Failures: 5, Min: 20, Window: 10 * time.Second, Open: 30 * time.Second, Good: 2, Probes: 3, Round: 30 * time.Second}
}

// call runs one call with a verdict. It reports whether the breaker let it in.
func call(b *Breaker, v Verdict) bool {
	t, ok := b.Fast()
	if !ok {
		if t, ok = b.Enter(mono.Now()); !ok {
			return false
		}
	}
	if v == Success {
		b.Succeed(t)
	} else {
		b.Done(t, v, false)
	}
	return true
}

// TestMirrorLosesNothingUnderRaces lets many callers race and then asks, alone,
// whether the run of failures is what the last calls made it.
func TestMirrorLosesNothingUnderRaces(t *testing.T) {
	for seed := range uint64(200) {
		b := New(config(), nil)
		var wg sync.WaitGroup
		for g := range uint64(4) {
			r := rand.New(rand.NewPCG(seed, g))
			wg.Go(func() {
				for range 50 {
					v := Success
					if r.IntN(8) == 0 {
						v = Failure
					}
					call(b, v)
				}
			})
		}
		wg.Wait()
		if b.State() != Closed {
			continue // five failures may meet in a row
		}
		call(b, Success)
		for i := range 5 {
			if b.State() != Closed {
				t.Fatalf("seed %d: open after %d failures in a row, want 5", seed, i)
			}
			call(b, Failure)
		}
		if b.State() != Open {
			t.Fatalf("seed %d: closed after 5 failures in a row", seed)
		}
	}
}

func TestNeutralNeitherExtendsNorEndsARun(t *testing.T) {
	b := New(config(), nil)
	for range 4 {
		call(b, Failure)
		call(b, Neutral)
	}
	if b.State() != Closed {
		t.Fatal("open after 4 failures")
	}
	call(b, Failure)
	if b.State() != Open {
		t.Error("closed after 5 failures with neutral calls between them")
	}
}

func TestWindowRollsInTenths(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config()
		cfg.Failures, cfg.Ratio = 0, 1
		b := New(cfg, nil)
		counted := func() (good, bad int) {
			b.mu.Lock()
			defer b.mu.Unlock()
			w := b.win.Load()
			w.rotate(mono.Now())
			return w.total.good, w.total.bad
		}
		for range 20 {
			call(b, Success)
			call(b, Failure)
			time.Sleep(time.Second)
		}
		if good, bad := counted(); good < 8 || good > 10 || bad < 8 || bad > 10 {
			t.Errorf("%d good and %d bad in a window of 10s with one of each a second", good, bad)
		}
		time.Sleep(10 * time.Second)
		if good, bad := counted(); good != 0 || bad != 0 {
			t.Errorf("%d good and %d bad after 10s without calls", good, bad)
		}
		time.Sleep(time.Hour)
		call(b, Success)
		time.Sleep(9 * time.Second)
		if good, _ := counted(); good != 1 {
			t.Errorf("%d good 9s after a success that followed an idle hour, want 1", good)
		}
	})
}

func TestConfigureKeepsRunWindowAndRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(config(), nil)
		for range 3 {
			call(b, Failure)
		}
		cfg := config()
		cfg.Open, cfg.Ratio = time.Minute, .9
		b.Configure(cfg)
		call(b, Failure)
		if b.State() != Closed {
			t.Fatal("open after 4 failures")
		}
		call(b, Failure)
		if b.State() != Open {
			t.Fatal("the run of failures was lost")
		}
		if left := b.Until() - mono.Now(); left < 54*time.Second || left > 66*time.Second {
			t.Errorf("open for %v, want 1m ±10 %%", left)
		}
		time.Sleep(67 * time.Second)
		if !call(b, Success) || b.State() != HalfOpen {
			t.Fatal("no probe after the open period")
		}
		cfg.Good, cfg.Probes = 3, 3
		b.Configure(cfg)
		call(b, Success)
		if b.State() != HalfOpen {
			t.Error("closed by the old number of probes")
		}
		call(b, Success)
		if b.State() != Closed {
			t.Error("half-open after 3 good probes of 3")
		}
	})
}

func TestForceAndDisableLeaveTheStateUnderneath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changes []string
		b := New(config(), func(c Change) { changes = append(changes, c.From.String()+">"+c.To.String()) })
		b.Force(&Forced{Open: true, Until: mono.Now() + time.Minute, Reason: "test"})
		if call(b, Success) || b.State() != Open {
			t.Error("forced open, and a call passed")
		}
		time.Sleep(time.Minute)
		if !call(b, Success) || b.State() != Closed {
			t.Error("the force did not expire")
		}
		for range 5 {
			call(b, Failure)
		}
		b.Disable(true)
		if !call(b, Failure) || b.State() != Closed {
			t.Error("disabled, and still open")
		}
		b.Disable(false)
		if call(b, Success) || b.State() != Open {
			t.Error("enabled again, and not as it was")
		}
		want := "closed>open open>closed closed>open open>closed closed>open"
		if got := strings.Join(changes, " "); got != want {
			t.Errorf("changes %q, want %q", got, want)
		}
	})
}
