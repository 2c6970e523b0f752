//go:build unix

package measure

import (
	"syscall"
	"time"
)

// cpuTime returns the processor time that the process has used, on all threads.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err) // RUSAGE_SELF is always there
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
