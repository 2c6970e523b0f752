// Command drivers is what all drivers of resilvet are tried on. The file
// findings.txt says what each of them finds.
package main

import (
	"log"
	"net"

	"example.com/drivers/fetch"
	"example.com/drivers/generated"
)

func main() {
	direct()
	method()
	suppressed()
	if err := fetch.Page(); err != nil {
		log.Print(err)
	}
	generated.Page()
}

func direct() {
	conn, err := net.Dial("tcp", "db.example.com:5432")
	if err == nil {
		_ = conn.Close()
	}
}

func method() {
	dial := (&net.Dialer{Timeout: 1}).Dial
	conn, err := dial("tcp", "db.example.com:5432")
	if err == nil {
		_ = conn.Close()
	}
}

func suppressed() {
	conn, err := net.Dial("tcp", "localhost:1") //resil:guarded it is this machine
	if err == nil {
		_ = conn.Close()
	}
}
