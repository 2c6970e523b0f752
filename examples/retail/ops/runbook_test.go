//go:build linux

package ops_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	resil "github.com/resilgo/resil/runtime"
)

// TestMain lets the test binary be curl: not every machine has one, and what is
// under test is what the runbook tells it.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "curl" {
		os.Exit(curl(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// curl knows the options that the runbook uses.
func curl(args []string) int {
	method, body, url := http.MethodGet, "", ""
	header := http.Header{}
	for i := 0; i < len(args); i++ {
		switch args[i] {
		case "-sS":
		case "-H":
			i++
			name, value, _ := strings.Cut(args[i], ": ")
			header.Set(name, value)
		case "-d":
			i++
			method, body = http.MethodPost, args[i]
		default:
			url = args[i]
		}
	}
	r, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	r.Header = header
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 7
	}
	defer response.Body.Close()
	_, _ = io.Copy(os.Stdout, response.Body)
	if response.StatusCode >= http.StatusBadRequest {
		return 22
	}
	return 0
}

// Every command of the runbook does what it is there for, on the shop.
func TestCommandsOfTheRunbookWork(t *testing.T) {
	text, err := os.ReadFile("runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	shop := openShop(t)
	operators := httptest.NewServer(shop.Operators)
	t.Cleanup(operators.Close)
	await(t, "all is well", func() bool { return shop.System.Level() == resil.Optimal })

	bin := t.TempDir()
	if err := os.Symlink(must(os.Executable()), filepath.Join(bin, "curl")); err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) < 1+4+4*3 {
		t.Fatalf("%d blocks of commands; want one to begin with, one per level and three per dependency", len(blocks))
	}
	levels := map[string]bool{}
	stop := shop.System.OnLevel(func(tr resil.Transition) { levels[tr.To.String()] = true })
	for _, block := range blocks {
		for command := range strings.Lines(block[1]) {
			shell := exec.CommandContext(t.Context(), "sh", "-c", command) //nolint:gosec // our own runbook
			shell.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "ADMIN="+operators.URL, "TOKEN=test")
			if out, err := shell.CombinedOutput(); err != nil {
				t.Errorf("%s%v: %s", command, err, out)
			}
		}
	}
	for _, d := range shop.System.Status().Dependencies {
		if d.Forced == nil || d.Forced.To != "closed" || d.Forced.Reason != "the guard is wrong (operator)" {
			t.Errorf("%s is forced %+v; the last order of the runbook holds it closed", d.Name, d.Forced)
		}
	}
	if f := shop.System.Status().Forced; f != nil {
		t.Errorf("the level is still forced to %s", f.To)
	}
	await(t, "optimal again", func() bool { return shop.System.Level() == resil.Optimal })
	stop()
	if err := shop.System.Close(t.Context()); err != nil { // waits until listeners have heard everything
		t.Fatal(err)
	}
	for _, l := range []string{"degraded", "limited", "minimal", "emergency"} {
		if !levels[l] {
			t.Errorf("the runbook's command did not bring level %s", l)
		}
	}
}
