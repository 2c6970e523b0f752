package gen

import (
	"os"
	"syscall"
)

// resident returns the largest resident set among the processes that state
// accounts for, in MiB. Linux counts in KiB.
func resident(state *os.ProcessState) float64 {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return float64(usage.Maxrss) / 1024
}
