//go:build !race

package resil_test

import (
	"context"
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// TestCostAtRest pins what a guard costs that nobody calls: at most 2 KiB, and
// 10 000 guards start in less than 100 ms of CPU.
func TestCostAtRest(t *testing.T) {
	const guards = 10_000
	breaker, bulkhead := &resil.Breaker{Failures: 5, Open: time.Minute}, &resil.Bulkhead{Max: 10}
	names := make([]string, guards)
	for i := range names {
		names[i] = fmt.Sprintf("dependency-%04d", i)
	}
	sys := newSystem(t, resil.Config{})
	before, cpu := heap(), cpuTime(t)
	methods := make([]*resil.Method, guards)
	for i := range methods {
		guard := sys.Guard(resil.GuardSpec{Dependency: names[i], Interface: "shop.Store", Position: "store.go:7", Criticality: resil.Low, Breaker: breaker, Bulkhead: bulkhead})
		methods[i] = guard.Method(resil.MethodSpec{Name: "Get", Kind: resil.Read, Timeout: resil.Timeout{Attempt: time.Second}})
	}
	if err := sys.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	took := cpuTime(t) - cpu
	size := (heap() - before) / guards
	t.Logf("%d bytes per guard, %v of CPU for %d guards", size, took, guards)
	if size > 2048 {
		t.Errorf("%d bytes per guard, want at most 2048", size)
	}
	if limit := 100 * time.Millisecond; took > limit {
		t.Errorf("%v of CPU for %d guards, want at most %v", took, guards, limit)
	}
	if err := sys.Close(context.Background()); err != nil {
		t.Error(err)
	}
	runtime.KeepAlive(methods)
}

// heap returns the bytes in use after everything unused is gone.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
