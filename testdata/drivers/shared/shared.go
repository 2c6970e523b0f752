// Package shared is what two commands import.
package shared

import "net"

// Fetch is called by one of them.
func Fetch() error { return dial("fetch.example.com:80") }

// Image is called by nobody. Seen from one command, the other may guard it.
func Image() error {
	conn, err := (&net.Dialer{Timeout: 1}).Dial("tcp", "images.example.com:80")
	if err != nil {
		return err
	}
	return conn.Close()
}

func dial(address string) error {
	conn, err := (&net.Dialer{Timeout: 1}).Dial("tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}
