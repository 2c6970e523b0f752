package catalog

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// Extra is what a user's configuration adds to the catalogue.
type Extra struct {
	Primitives []Primitive
	Guards     []Guard
}

// Primitive declares functions or methods that leave the process.
type Primitive struct {
	Package  string   // import path, major version optional; "/..." at its end includes packages below
	Receiver string   // type name or pattern; "" = functions
	Names    []string // names or patterns, at least one
	// Dependency is the kind of dependency for reports; "" = the last element of Package.
	Dependency string
	// Ignore declares that they are no calls, against the built-in table.
	Ignore bool
}

// Guard declares functions or methods that run their function arguments behind
// a breaker, or, with Value, make something that has a breaker inside.
type Guard struct {
	Package  string
	Receiver string
	Names    []string
	Name     string // of the guard, for reports; "" = the last element of Package
	Value    bool   // the result is a guarding client, transport, driver or interceptor
	Timed    bool   // it bounds what it runs in time
}

// With returns a catalogue with the user's entries in front. Errors name the
// entry by its index and are joined.
func (c *Catalog) With(extra Extra) (*Catalog, error) {
	var rows []*Row
	var errs []error
	check := func(what string, i int, pkg, receiver string, names []string) {
		if pkg == "" {
			errs = append(errs, fmt.Errorf("%s[%d]: package is missing", what, i))
		}
		if len(names) == 0 {
			errs = append(errs, fmt.Errorf("%s[%d]: names are missing", what, i))
		}
		for _, p := range append([]string{pkg, receiver}, names...) {
			if _, err := path.Match(p, ""); err != nil {
				errs = append(errs, fmt.Errorf("%s[%d]: %q is no valid pattern", what, i, p))
			}
		}
	}
	for i, p := range extra.Primitives {
		check("primitives", i, p.Package, p.Receiver, p.Names)
		effect := Call
		if p.Ignore {
			effect = Lazy
		}
		rows = append(rows, &Row{
			Effect: effect, Path: normalizePattern(p.Package), Receiver: receiverName(p.Receiver), Names: p.Names,
			Dependency: orLast(p.Dependency, p.Package),
		})
	}
	for i, g := range extra.Guards {
		check("guards", i, g.Package, g.Receiver, g.Names)
		effect := Runs
		if g.Value {
			effect = Guarding
		}
		rows = append(rows, &Row{
			Effect: effect, Path: normalizePattern(g.Package), Receiver: receiverName(g.Receiver), Names: g.Names,
			Dependency: orLast(g.Name, g.Package), Timed: g.Timed,
		})
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return build(append(rows, c.rows...)), nil
}

func normalizePattern(p string) string {
	base, below := strings.CutSuffix(p, "/...")
	base = Normalize(base)
	if below {
		base += "/..."
	}
	return base
}

func receiverName(r string) string { return strings.TrimLeft(r, "*(") }

func orLast(name, pkgPath string) string {
	if name != "" {
		return name
	}
	return path.Base(strings.TrimSuffix(Normalize(pkgPath), "/..."))
}
