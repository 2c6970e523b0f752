// Command two imports what command one does, and calls none of it.
package main

import _ "example.com/drivers/shared"

func main() {}
