// Package wire holds what httpguard and grpcguard share: how criticality and
// the remaining time of a request travel between services, and up to which
// level a request of some criticality is served.
package wire

import (
	"context"
	"strconv"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// The names of headers and metadata keys; HTTP does not mind the case, gRPC
// wants it low.
const (
	HeaderCriticality = "resil-criticality"
	HeaderBudget      = "resil-budget-ms"
	HeaderLevel       = "resil-level"
)

// MaxBudget is the longest remaining time that is believed.
const MaxBudget = resil.MaxDuration

// Send calls set for each header that the context gives an outgoing request.
func Send(ctx context.Context, set func(name, value string)) {
	if r, ok := resil.RequestFrom(ctx); ok && r.Criticality != 0 {
		set(HeaderCriticality, r.Criticality.String())
	}
	if deadline, ok := ctx.Deadline(); ok {
		set(HeaderBudget, strconv.FormatInt(max(0, time.Until(deadline).Milliseconds()), 10))
	}
}

// Criticality reads a criticality as Send writes it, 0 if it is none.
func Criticality(value string) resil.Criticality {
	c, err := resil.ParseCriticality(value)
	if err != nil {
		return 0
	}
	return c
}

// Budget reads a remaining time as Send writes it.
func Budget(value string) (time.Duration, bool) {
	ms, err := strconv.ParseInt(value, 10, 64)
	if err != nil || ms < 0 || ms > MaxBudget.Milliseconds() {
		return 0, false
	}
	return time.Duration(ms) * time.Millisecond, true
}

// Until returns the worst level at which a request of criticality c is served
// where nothing else is stated.
func Until(c resil.Criticality) resil.Level {
	switch c {
	case resil.Low:
		return resil.Degraded
	case resil.High:
		return resil.Minimal
	case resil.Critical:
		return resil.Emergency
	default:
		return resil.Limited
	}
}

// RetryAfter returns how long a shed client should stay away, in whole seconds:
// what the system expects, within 1 to 300, or 10 when it does not know.
func RetryAfter(sys *resil.System) int {
	const unknown, least, most = 10, 1, 300
	expected := sys.RetryAt()
	if expected.IsZero() {
		return unknown
	}
	return int(min(max(time.Until(expected).Round(time.Second).Seconds(), least), most))
}
