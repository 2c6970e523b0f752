// Package fetch is an in-house wrapper.
package fetch

import "net"

// Page is called by main without a guard.
func Page() error {
	conn, err := net.Dial("tcp", "pages.example.com:80")
	if err != nil {
		return err
	}
	return conn.Close()
}

// Image is called by nobody in this module. Whatever could call it, main alone
// can import: that is all there is to see.
func Image() error {
	conn, err := (&net.Dialer{Timeout: 1}).Dial("tcp", "images.example.com:80")
	if err != nil {
		return err
	}
	return conn.Close()
}
