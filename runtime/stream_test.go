package resil_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	resil "github.com/resilgo/resil/runtime"
)

// switched is the body of a switched protocol: it can be written to.
type switched struct {
	io.Reader
	strings.Builder
	closed bool
}

func (s *switched) Close() error { s.closed = true; return nil }

func TestTieResponse(t *testing.T) {
	cancelled := 0
	cancel := func() { cancelled++ }
	at := func(what string, want int) {
		t.Helper()
		if cancelled != want {
			t.Errorf("%s: cancelled %d times, want %d", what, cancelled, want)
		}
		cancelled = 0
	}

	if got := resil.TieResponse[*http.Response](nil, cancel); got != nil {
		t.Errorf("of nil: %v", got)
	}
	at("no response", 1)

	bare := &http.Response{}
	if got := resil.TieResponse(bare, cancel); got != bare || got.Body != nil {
		t.Errorf("without a body: %v", got)
	}
	at("no body", 1)

	// Clients compare with http.NoBody.
	empty := resil.TieResponse(&http.Response{Body: http.NoBody}, cancel)
	if empty.Body != http.NoBody {
		t.Errorf("http.NoBody has become %T", empty.Body)
	}
	at("http.NoBody", 1)

	read := resil.TieResponse(&http.Response{Body: io.NopCloser(strings.NewReader("page"))}, cancel)
	at("before it is read", 0)
	if page, err := io.ReadAll(read.Body); string(page) != "page" || err != nil {
		t.Errorf("read %q, %v", page, err)
	}
	at("read to its end", 1)

	body := &switched{Reader: strings.NewReader("")}
	both := resil.TieResponse(&http.Response{Body: body}, cancel)
	if w, ok := both.Body.(io.ReadWriteCloser); !ok {
		t.Errorf("a %T cannot be written to", both.Body)
	} else if _, err := io.WriteString(w, "said"); err != nil || body.String() != "said" {
		t.Errorf("wrote %q, %v", body.String(), err)
	}
	if err := both.Body.Close(); err != nil || !body.closed {
		t.Errorf("closed %t, %v", body.closed, err)
	}
	at("closed", 1)

	late := &switched{Reader: strings.NewReader("")}
	resil.TieResponse(&http.Response{Body: late}, nil)
	if !late.closed {
		t.Error("what comes too late is left open")
	}
}
