//go:build linux

package load

import (
	"net/http"
	"strings"
	"testing"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/resilgo/resil/examples/retail/internal/api"
)

// A short measurement: what it says is noise, that it says it is not, and
// neither is what becomes of a service that waits for its cache for ever.
func TestGuardsKeepAHangingCacheFromTakingTheService(t *testing.T) {
	if testing.Short() {
		t.Skip("starts PostgreSQL, Redis and an S3 server and builds the service twice")
	}
	var log strings.Builder
	r, err := Run(t.Context(), Config{
		Users: 40, Think: time.Second, Lasts: 3 * time.Second, Rounds: 1, Faults: [][]string{{"redis"}},
		Patience: 3 * time.Second, Source: "../..", Log: &log,
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	t.Log(log.String())
	if len(r.Healthy) != 1 || len(r.Outages) != 2 || r.Rate != 40 {
		t.Fatalf("%d healthy, %d outages, %.0f per second", len(r.Healthy), len(r.Outages), r.Rate)
	}
	for _, v := range Variants() {
		if one := r.Healthy[0][v]; one.Requests < 100 || one.CPU < 20e-6 || one.CPU > .1 || one.P50 <= 0 || one.P99 < one.P50 {
			t.Errorf("healthy, %s: %+v", v, one)
		}
	}
	with, without := r.Outages[0], r.Outages[1]
	if !with.Guarded || with.Failed > 0 || with.Requests < 100 || with.CPU <= 0 {
		t.Errorf("with guards: %+v", with)
	}
	if without.Guarded || without.Failed < .3 || without.P90 < 2.9 {
		t.Errorf("without guards it does not collapse: %+v", without)
	}
}

func TestSum(t *testing.T) {
	start := time.Now()
	answer := func(at, took time.Duration, code uint16, header ...string) *vegeta.Result {
		h := http.Header{}
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &vegeta.Result{Timestamp: start.Add(at), Latency: took, Code: code, Headers: h}
	}
	var r Result
	r.sum([]*vegeta.Result{
		answer(0, time.Millisecond, 200),
		answer(time.Millisecond/2, time.Second, 200, api.DegradedHeader, "db=call"),
		answer(500*time.Millisecond, 2*time.Millisecond, 503, "Retry-After", "5"),
		answer(1200*time.Millisecond, 3*time.Millisecond, 503),
		answer(1300*time.Millisecond, 10*time.Second, 0),
	}, Config{Lasts: 2 * time.Second})
	if r.Full != .2 || r.Degraded != .2 || r.Refused != .2 || r.Failed != .4 || r.Good != 1.5 || r.InFlight != 2 || r.P50 != .003 || r.Max != 10 {
		t.Errorf("%+v", r)
	}
	if len(r.Rows) != 2 || r.Rows[0].Counts["full"] != 1 || r.Rows[1].Counts["failed"] != 1 || r.Rows[1].Counts["hung"] != 1 {
		t.Errorf("rows %+v", r.Rows)
	}
}
