package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/resilgo/resil/examples/retail/internal/retail"
	resil "github.com/resilgo/resil/runtime"
)

// DegradedHeader names, in an answer that something stood in for, what was
// away and what stood in, for example "openai=call" or "db=stale, s3=outbox".
const DegradedHeader = "Degraded"

// answer is what a handler has to say when it succeeds.
type answer struct {
	status int
	body   any           // JSON
	stream io.ReadCloser // instead of body
	kind   string        // content type of stream
}

func ok(body any) answer      { return answer{status: http.StatusOK, body: body} }
func created(body any) answer { return answer{status: http.StatusCreated, body: body} }

func stream(kind string, document io.ReadCloser) answer {
	return answer{status: http.StatusOK, stream: document, kind: kind}
}

// handler answers a request; when the error is not nil the answer is ignored.
type handler func(*http.Request) (answer, error)

// serve turns h into HTTP: JSON, the mark of degraded answers, refusals.
func (a *api) serve(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, out := resil.WithOutcome(r.Context())
		reply, err := h(r.WithContext(ctx))
		if err != nil {
			a.refuse(w, r, err)
			return
		}
		if d := degradations(out); d != "" {
			w.Header().Set(DegradedHeader, d)
		}
		if reply.stream == nil {
			writeJSON(w, reply.status, reply.body)
			return
		}
		defer reply.stream.Close()
		w.Header().Set("Content-Type", reply.kind)
		w.WriteHeader(reply.status)
		if _, err := io.Copy(w, reply.stream); err != nil {
			// Too late for a status: break the connection, so that nobody takes
			// half a document for a whole one.
			panic(http.ErrAbortHandler)
		}
	}
}

// degradations lists what stood in for what. The fallback "zero" is the cache
// that knows nothing: the answer took longer and is complete.
func degradations(out *resil.Answers) string {
	var all []string
	seen := map[string]bool{}
	for _, call := range out.Calls() {
		if !call.Degraded() || call.Strategy == resil.StrategyZero {
			continue
		}
		if d := call.Dependency + "=" + call.Strategy.String(); !seen[d] {
			seen[d] = true
			all = append(all, d)
		}
	}
	return strings.Join(all, ", ")
}

// problem is the body of every answer that is none.
type problem struct {
	Error      string `json:"error"`
	Dependency string `json:"dependency,omitempty"`
	Level      string `json:"level,omitempty"`
	RetryAfter int    `json:"retry_after_seconds,omitempty"`
}

// refuse says no, in the way that err deserves.
func (a *api) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		return // nobody listens
	}
	switch {
	case errors.Is(err, retail.ErrInvalid):
		writeJSON(w, http.StatusBadRequest, problem{Error: err.Error()})
		return
	case errors.Is(err, retail.ErrNotFound):
		writeJSON(w, http.StatusNotFound, problem{Error: err.Error()})
		return
	case errors.Is(err, retail.ErrExists), errors.Is(err, retail.ErrConflict), errors.Is(err, retail.ErrOutOfStock):
		writeJSON(w, http.StatusConflict, problem{Error: err.Error()})
		return
	}
	guarded, isGuarded := resil.Explain(err)
	if !isGuarded {
		writeJSON(w, http.StatusInternalServerError, problem{Error: "internal error"})
		return
	}
	seconds := retryAfter(guarded.RetryAt)
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	writeJSON(w, http.StatusServiceUnavailable, problem{
		Error:      excuse(guarded, r.Method),
		Dependency: guarded.Dependency,
		Level:      a.sys.Level().String(),
		RetryAfter: seconds,
	})
}

// excuse tells a customer what does not work, why, and what happened to the
// request. The error's own text is for operators: it may name hosts.
func excuse(e resil.Explanation, method string) string {
	switch {
	case method == http.MethodGet:
		return "not available right now: " + reason(e)
	case e.Attempts == 0:
		return "not possible right now: " + reason(e) + "; nothing was changed"
	default:
		return "not confirmed: " + reason(e) + "; send the same request again"
	}
}

// reason says why a call failed: what the dependency did, or what kept the call
// from it.
func reason(e resil.Explanation) string {
	switch e.Outcome {
	case resil.OutcomeShed:
		return restriction(e.LevelCause)
	case resil.OutcomeOpen:
		return e.Dependency + " is away"
	case resil.OutcomeBulkhead, resil.OutcomeRate:
		return e.Dependency + " is busy"
	case resil.OutcomeTimeout:
		return e.Dependency + " did not answer in time"
	case resil.OutcomeNeutral:
		return "there was no time left to wait for " + e.Dependency
	default:
		return e.Dependency + " failed"
	}
}

// restriction says why the shop does less than it could ask of the dependency,
// which may well be up.
func restriction(c resil.Cause) string {
	names := enumerate(c.Dependencies)
	switch {
	case c.Rule == resil.RuleForced:
		return "the shop is restricted for now"
	case len(c.Dependencies) == 0:
		return "the shop is not all well"
	case c.Rule == resil.RuleStable:
		return "the shop waits until " + names + " can be relied on again"
	case len(c.Dependencies) == 1:
		return names + " is away"
	default:
		return names + " are away"
	}
}

// enumerate joins names as people do.
func enumerate(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// retryAfter returns the seconds to wait, a few when nobody knows better.
func retryAfter(at time.Time) int {
	const guess = 5
	if at.IsZero() {
		return guess
	}
	return max(1, int(math.Ceil(time.Until(at).Seconds())))
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}
