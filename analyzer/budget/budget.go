package budget

import (
	_ "embed"

	"github.com/resilgo/resil/analyzer/internal/rule"
)

//go:embed doc.go
var doc string

// Analyzer is the rule budget.
var Analyzer = rule.New("budget", doc)
