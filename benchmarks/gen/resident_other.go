//go:build !linux

package gen

import "os"

// resident returns 0: systems differ in what they count, and in its unit.
func resident(*os.ProcessState) float64 { return 0 }
