package retrystorm

import (
	_ "embed"

	"github.com/resilgo/resil/analyzer/internal/rule"
)

//go:embed doc.go
var doc string

// Analyzer is the rule retrystorm.
var Analyzer = rule.New("retrystorm", doc)
