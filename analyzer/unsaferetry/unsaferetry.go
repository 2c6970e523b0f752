package unsaferetry

import (
	_ "embed"

	"github.com/resilgo/resil/analyzer/internal/rule"
)

//go:embed doc.go
var doc string

// Analyzer is the rule unsaferetry.
var Analyzer = rule.New("unsaferetry", doc)
