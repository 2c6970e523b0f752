//go:build unix

package emit

import "syscall"

// probe is the signal that only asks whether a process is there.
const probe = syscall.Signal(0)
