//go:build !unix

package emit

import "os"

// probe is a signal that cannot be sent here: finding the process is the test,
// and what cannot be told counts as gone.
var probe = os.Interrupt
