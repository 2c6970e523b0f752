package unguarded

import (
	_ "embed"

	"github.com/resilgo/resil/analyzer/internal/rule"
)

//go:embed doc.go
var doc string

// Analyzer is the rule unguarded.
var Analyzer = rule.New("unguarded", doc)
