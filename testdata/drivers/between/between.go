// Package between has no calls of its own.
package between

import "example.com/drivers/shared"

// Fetch stands between a command and the package that calls.
func Fetch() error { return shared.Fetch() }
