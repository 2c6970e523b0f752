// Package native is handed over by some drivers as cgo rewrote it.
package native

// static int one(void) { return 1; }
import "C"

import "net"

// Rates has a guard that nobody generated.
//
//resil:guard rates
type Rates interface{ Rate() (int, error) }

// One is one.
func One() int { return int(C.one()) }

func init() {
	conn, err := (&net.Dialer{Timeout: 1}).Dial("tcp", "native.example.com:80")
	if err == nil {
		_ = conn.Close()
	}
}
