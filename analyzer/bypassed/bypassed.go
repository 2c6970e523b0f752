package bypassed

import (
	_ "embed"

	"github.com/resilgo/resil/analyzer/internal/rule"
)

//go:embed doc.go
var doc string

// Analyzer is the rule bypassed.
var Analyzer = rule.New("bypassed", doc)
