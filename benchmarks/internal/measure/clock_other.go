//go:build !unix

package measure

import "time"

var start = time.Now()

// cpuTime is the time on the wall where the system tells no better.
func cpuTime() time.Duration { return time.Since(start) }
