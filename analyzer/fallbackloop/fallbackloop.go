package fallbackloop

import (
	_ "embed"

	"github.com/resilgo/resil/analyzer/internal/rule"
)

//go:embed doc.go
var doc string

// Analyzer is the rule fallbackloop.
var Analyzer = rule.New("fallbackloop", doc)
