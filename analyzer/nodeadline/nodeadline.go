package nodeadline

import (
	_ "embed"

	"github.com/resilgo/resil/analyzer/internal/rule"
)

//go:embed doc.go
var doc string

// Analyzer is the rule nodeadline.
var Analyzer = rule.New("nodeadline", doc)
