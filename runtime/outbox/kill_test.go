//go:build unix

package outbox

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// childFolder makes the test binary a process that lives to be killed.
const childFolder = "OUTBOX_TEST_CHILD_FOLDER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childFolder); dir != "" {
		if err := child(dir); err != nil {
			fmt.Println("error", err)
		}
		return
	}
	os.Exit(m.Run())
}

// child stores writes from several goroutines and delivers them, and tells the
// parent of both, one line per write(2): "ack PAYLOAD" after Put has returned,
// "got PAYLOAD KEY" as the receiver.
func child(dir string) error {
	s, err := Open(dir, Config{Attempts: 1000, Logger: quiet})
	if err != nil {
		return err
	}
	tell := func(format string, args ...any) { fmt.Fprintf(os.Stdout, format+"\n", args...) }
	s.Bind(resil.Origin{Dependency: "db", Method: "Save"}, func(ctx context.Context, payload []byte) error {
		key, _ := Key(ctx)
		tell("got %s %s", payload, key)
		return nil
	})
	if err := s.Start(context.Background(), always); err != nil {
		return err
	}
	if os.Getenv("OUTBOX_TEST_DRAIN") != "" {
		for s.Depth()["db"] > 0 {
			time.Sleep(time.Millisecond)
		}
		return s.Close(context.Background())
	}
	var writers sync.WaitGroup
	for w := range 3 {
		writers.Go(func() {
			for i := 0; ; i++ {
				p := fmt.Sprintf("%d/%d/%06d", os.Getpid(), w, i)
				if err := s.Put(context.Background(), resil.Entry{Origin: resil.Origin{Dependency: "db", Method: "Save"}, Payload: []byte(p)}); err != nil {
					tell("error %v", err)
					return
				}
				tell("ack %s", p)
			}
		})
	}
	writers.Wait()
	return nil
}

// TestKilledHundredsOfTimes kills a process that stores and delivers at random
// moments and starts it anew on the same folder. In the end every acknowledged
// write was delivered, no write under two keys, no key for two writes, and
// those of one writer first in their order.
func TestKilledHundredsOfTimes(t *testing.T) {
	kills := 250
	if testing.Short() {
		kills = 25
	}
	h := &history{keys: map[string]string{}, writes: map[string]string{}, last: map[string]int{}}
	dir := folder(t)
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	for range kills {
		h.run(t, dir, time.Duration(rng.IntN(12_000))*time.Microsecond)
	}
	h.run(t, dir, 0)
	for _, p := range h.acked {
		if h.keys[p] == "" {
			t.Errorf("write %s was acknowledged and never delivered", p)
		}
	}
	t.Logf("%d kills, %d acknowledged, %d delivered, %d of them more than once", kills, len(h.acked), len(h.keys), h.again)
	if len(h.acked) < kills {
		t.Errorf("only %d writes were acknowledged", len(h.acked))
	}
}

type history struct {
	acked  []string
	keys   map[string]string // of delivered writes
	writes map[string]string // by key
	last   map[string]int    // first deliveries, by writer
	again  int
}

// run starts a process on dir and kills it the given time after its first line;
// with 0 it lets the process drain the outbox and end.
func (h *history) run(t *testing.T, dir string, life time.Duration) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childFolder+"="+dir)
	if life == 0 {
		cmd.Env = append(cmd.Env, "OUTBOX_TEST_DRAIN=1")
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if life > 0 {
			once.Do(func() { time.AfterFunc(life, func() { _ = cmd.Process.Kill() }) })
		}
		h.line(t, lines.Text())
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && (life == 0 || !errors.As(err, &exit)) {
		t.Fatal(err)
	}
}

func (h *history) line(t *testing.T, line string) {
	t.Helper()
	switch f := strings.Fields(line); {
	case len(f) == 2 && f[0] == "ack":
		h.acked = append(h.acked, f[1])
	case len(f) == 3 && f[0] == "got":
		h.delivered(t, f[1], f[2])
	default:
		t.Fatalf("the process said %q", line)
	}
}

func (h *history) delivered(t *testing.T, write, key string) {
	t.Helper()
	if before, ok := h.keys[write]; ok {
		h.again++
		if before != key {
			t.Fatalf("write %s was delivered with keys %s and %s", write, before, key)
		}
		return
	}
	if other, ok := h.writes[key]; ok {
		t.Fatalf("key %s stands for writes %s and %s", key, other, write)
	}
	h.keys[write], h.writes[key] = key, write
	i := strings.LastIndexByte(write, '/')
	n, err := strconv.Atoi(write[i+1:])
	if err != nil {
		t.Fatal(err)
	}
	if last, ok := h.last[write[:i]]; ok && n <= last {
		t.Fatalf("write %s was delivered after number %d of its writer", write, last)
	}
	h.last[write[:i]] = n
}
