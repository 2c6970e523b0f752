package report

import (
	"fmt"

	"github.com/resilgo/resil/generator/model"
	resil "github.com/resilgo/resil/runtime"
)

// next returns the strategies behind the first that a test can get to: before
// them stands nothing that answers whatever a test does. What call=Func names
// runs for real, so what stands behind it may be out of reach.
func next(m *model.Method) (then []resil.Strategy) {
	for n, f := range m.Fallbacks {
		if n == 0 {
			continue
		}
		before := m.Fallbacks[n-1]
		own := before.Spec.Strategy == resil.StrategyCall && before.Method == ""
		if own || before.Spec.Strategy == resil.StrategyZero || f.Spec.Strategy == m.Fallbacks[0].Spec.Strategy {
			break
		}
		then = append(then, f.Spec.Strategy)
	}
	return then
}

// Coverage is how much of what directives state is exercised by generated
// tests.
type Coverage struct {
	Methods   int      // guarded ones, with their actions at all levels
	Fallbacks int      // declared
	Exercised int      // of these
	Missing   []string // guard or method, and why it or a fallback of it is not exercised
}

// String says it in a line.
func (c Coverage) String() string {
	return fmt.Sprintf("%d of %d fallbacks and all actions of %d methods at %d levels are exercised", c.Exercised, c.Fallbacks, c.Methods, int(resil.Emergency))
}

// add counts a method of whose fallbacks the first is exercised, and some
// behind it.
func (c *Coverage) add(m *model.Method, behind int) {
	exercised := min(len(m.Fallbacks), 1+behind)
	c.Methods++
	c.Fallbacks += len(m.Fallbacks)
	c.Exercised += exercised
	for _, f := range m.Fallbacks[exercised:] {
		c.Missing = append(c.Missing, fmt.Sprintf("%s: fallback %s stands behind one that no test can make fail", m.Name, f.Spec.Strategy))
	}
}
