package freshbreaker

import (
	_ "embed"

	"github.com/resilgo/resil/analyzer/internal/rule"
)

//go:embed doc.go
var doc string

// Analyzer is the rule freshbreaker.
var Analyzer = rule.New("freshbreaker", doc)
