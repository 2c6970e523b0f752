package scenario_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/resilgo/resil/examples/retail/internal/customers"
	"github.com/resilgo/resil/examples/retail/internal/scenario"
)

func TestARecordingReadsAsItWasWritten(t *testing.T) {
	start := time.Now()
	at := func(ms int, v customers.Verdict, took time.Duration) customers.Result {
		return customers.Result{At: start.Add(time.Duration(ms) * time.Millisecond), Verdict: v, Took: took}
	}
	r := scenario.NewRecording(scenario.Head{Name: "db refused", Down: []string{"db"}, Level: "minimal"}, start, start.Add(500*time.Millisecond),
		[]customers.Result{at(0, customers.Full, 10*time.Millisecond), at(150, customers.Full, 30*time.Millisecond), at(250, customers.Refused, time.Millisecond)},
		[]scenario.Sight{{At: start.Add(100 * time.Millisecond), Level: "optimal"}, {At: start.Add(300 * time.Millisecond), Level: "minimal", Waiting: 2}})
	want := []scenario.Row{
		{At: 0, Level: "optimal", Answers: map[string]int{"full": 2}, Median: .03, Slowest: .03},
		{At: .2, Level: "minimal", Waiting: 2, Answers: map[string]int{"refused": 1}, Median: .001, Slowest: .001},
		{At: .4},
	}
	if !reflect.DeepEqual(r.Rows, want) {
		t.Errorf("rows %+v\nwant %+v", r.Rows, want)
	}
	dir := t.TempDir()
	if err := r.Write(dir); err != nil {
		t.Fatal(err)
	}
	got, err := scenario.Read(dir)
	if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], r) {
		t.Errorf("read %+v, %v; wrote %+v", got, err, r)
	}
}
