package reply_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/resilgo/resil/runtime/internal/reply"
)

// answered keeps the response behind a method, as the clients of OpenAPI do.
type answered struct{ response *http.Response }

func (answered) Error() string                  { return "answered" }
func (e answered) HTTPResponse() *http.Response { return e.response }

// raw keeps it in a field, as Azure's errors do.
type raw struct{ RawResponse *http.Response }

func (*raw) Error() string { return "raw" }

// foreign has methods and fields of the same names and other types.
type foreign struct {
	Response *struct{ StatusCode int }
	Header   map[string][]string
}

func (foreign) Error() string        { return "foreign" }
func (foreign) HTTPResponse() string { return "404" }
func (foreign) Meta() int            { return 0 }

func response(status int, after string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {after}}}
}

func TestResponsesAreToldByTheirTypes(t *testing.T) {
	tests := []struct {
		err    error
		answer bool
		after  time.Duration
	}{
		{answered{response(404, "")}, true, 0},
		{answered{response(503, "7")}, false, 7 * time.Second},
		{answered{response(429, "7")}, false, 7 * time.Second},
		{answered{response(408, "")}, false, 0},
		{answered{nil}, false, 0},
		{answered{&http.Response{StatusCode: 404}}, true, 0},
		{&raw{response(404, "")}, true, 0},
		{&raw{response(503, "7")}, false, 7 * time.Second},
		{&raw{nil}, false, 0},
		{(*raw)(nil), false, 0},
		{fmt.Errorf("wrapped: %w", &raw{response(503, "7")}), false, 7 * time.Second},
		{errors.Join(errors.New("other"), &raw{response(404, "")}), true, 0},
		{foreign{Response: &struct{ StatusCode int }{404}, Header: map[string][]string{"Retry-After": {"7"}}}, false, 0},
	}
	for _, test := range tests {
		if got := reply.IsAnswer(test.err); got != test.answer {
			t.Errorf("IsAnswer(%#v) = %t", test.err, got)
		}
		if got := reply.RetryAfter(test.err); got != test.after {
			t.Errorf("RetryAfter(%#v) = %s, want %s", test.err, got, test.after)
		}
	}
}

// TestDates holds the three formats of RFC 9110 to what net/http reads.
func TestDates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := time.Now().Add(90 * time.Second).UTC()
		for _, layout := range []string{http.TimeFormat, time.RFC850, time.ANSIC} {
			text := at.Format(layout)
			want, err := http.ParseTime(text)
			if err != nil || time.Until(want) != 90*time.Second {
				t.Fatalf("%s: %s, %v", text, want, err)
			}
			if got, ok := reply.ParseRetryAfter(text); !ok || got != 90*time.Second {
				t.Errorf("ParseRetryAfter(%q) = %s, %t", text, got, ok)
			}
			if got, ok := reply.ParseRetryAfter(time.Now().Add(-time.Hour).UTC().Format(layout)); !ok || got != 0 {
				t.Errorf("of an hour ago: %s, %t", got, ok)
			}
		}
		for _, text := range []string{"", "-1", "86401", "tomorrow", time.Now().Format(time.RFC3339)} {
			if got, ok := reply.ParseRetryAfter(text); ok || got != 0 {
				t.Errorf("ParseRetryAfter(%q) = %s, %t", text, got, ok)
			}
		}
	})
}
