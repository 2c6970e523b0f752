// Command one reaches a call through a package in between.
package main

import (
	"log"

	"example.com/drivers/between"
)

func main() {
	if err := between.Fetch(); err != nil {
		log.Print(err)
	}
}
