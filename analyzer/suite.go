// Package analyzer is resilvet: rules that find outbound calls without a guard,
// guards that do not hold what they promise, and retries that do harm. See
// docs/rules for a page about each rule.
package analyzer

import (
	"golang.org/x/tools/go/analysis"

	"github.com/resilgo/resil/analyzer/budget"
	"github.com/resilgo/resil/analyzer/bypassed"
	"github.com/resilgo/resil/analyzer/directive"
	"github.com/resilgo/resil/analyzer/fallbackloop"
	"github.com/resilgo/resil/analyzer/freshbreaker"
	"github.com/resilgo/resil/analyzer/nodeadline"
	"github.com/resilgo/resil/analyzer/retrystorm"
	"github.com/resilgo/resil/analyzer/stalegen"
	"github.com/resilgo/resil/analyzer/unguarded"
	"github.com/resilgo/resil/analyzer/unsaferetry"
)

// Suite returns the rules, in the order of the documentation. A member reports
// places that a reader of the message alone would agree with: where a rule sees
// too little to be sure it is silent.
//
// Left out, and why:
//   - a call without a retry: whether to retry is the author's choice;
//   - a guard without a fallback, or without a timeout: resilgen notes the
//     second, and nodeadline finds the calls that nothing else bounds;
//   - a response body or rows not closed: bodyclose, sqlclosecheck and
//     rowserrcheck do that;
//   - a context that is not passed on: noctx and contextcheck do that;
//   - thresholds that look unwise: there is no wrong number without traffic.
func Suite() []*analysis.Analyzer {
	return []*analysis.Analyzer{
		unguarded.Analyzer,
		nodeadline.Analyzer,
		bypassed.Analyzer,
		stalegen.Analyzer,
		directive.Analyzer,
		unsaferetry.Analyzer,
		retrystorm.Analyzer,
		budget.Analyzer,
		freshbreaker.Analyzer,
		fallbackloop.Analyzer,
	}
}

// RuleNames returns the names of the rules of [Suite].
func RuleNames() []string {
	var names []string
	for _, a := range Suite() {
		names = append(names, a.Name)
	}
	return names
}
