package model

import (
	"fmt"
	"go/ast"
	"go/types"
	"slices"
	"strconv"
	"strings"

	"github.com/resilgo/resil/generator/directive"
)

// imports knows the packages that the names in directives can reach.
type imports struct {
	byFile map[*ast.File]map[string]*types.Package // by local name; blank imports by the package's own name
	dots   map[*ast.File][]*types.Package
	byPath map[string]*types.Package // everything reachable
}

// reachable returns what the package reaches by imports, found at first need.
func (b *builder) reachable() *imports {
	if b.imports == nil {
		b.imports = importsOf(b.in)
	}
	return b.imports
}

func importsOf(in Input) *imports {
	x := &imports{byFile: map[*ast.File]map[string]*types.Package{}, dots: map[*ast.File][]*types.Package{}, byPath: map[string]*types.Package{}}
	var reach func(p *types.Package)
	reach = func(p *types.Package) {
		if x.byPath[p.Path()] != nil {
			return
		}
		x.byPath[p.Path()] = p
		for _, q := range p.Imports() {
			reach(q)
		}
	}
	reach(in.Pkg)
	for _, file := range in.Files {
		names := map[string]*types.Package{}
		for _, spec := range file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				continue
			}
			p := x.byPath[path]
			if p == nil && in.Info != nil { // vendored standard library packages go by another path
				if name := in.Info.PkgNameOf(spec); name != nil {
					p = name.Imported()
				}
			}
			switch {
			case p == nil:
			case spec.Name == nil || spec.Name.Name == "_":
				names[p.Name()] = p
			case spec.Name.Name == ".":
				x.dots[file] = append(x.dots[file], p)
			default:
				names[spec.Name.Name] = p
			}
		}
		x.byFile[file] = names
	}
	return x
}

// refusal says why something cannot be, and what to write instead.
type refusal struct{ reason, remedy string }

func refusef(remedy, format string, v ...any) *refusal {
	return &refusal{fmt.Sprintf(format, v...), remedy}
}

func (r *refusal) String() string { return r.reason + "; " + r.remedy }

// resolve finds what a reference in a directive of a file names. otherwise is
// the remedy when nothing has a similar name.
func (b *builder) resolve(ref directive.Ref, file *ast.File, otherwise string) (types.Object, *refusal) {
	if ref.Path == "" {
		if obj := b.pkg.Scope().Lookup(ref.Name); obj != nil {
			return obj, nil
		}
		for _, p := range b.reachable().dots[file] {
			if obj := p.Scope().Lookup(ref.Name); obj != nil && obj.Exported() {
				return obj, nil
			}
		}
		return nil, refusef(didYouMean(ref.Name, b.pkg.Scope().Names(), otherwise), "no %s in package %s", ref.Name, b.pkg.Name())
	}
	p, no := b.packageOf(ref, file)
	if no != nil {
		return nil, no
	}
	obj := p.Scope().Lookup(ref.Name)
	switch {
	case obj != nil && (p == b.pkg || obj.Exported()):
		return obj, nil
	case obj != nil:
		return nil, refusef("name something exported", "%s is not exported by package %s", ref.Name, p.Path())
	}
	exported := slices.DeleteFunc(p.Scope().Names(), func(n string) bool { return !p.Scope().Lookup(n).Exported() })
	return nil, refusef(didYouMean(ref.Name, exported, "name something it exports"), "no %s in package %s", ref.Name, p.Path())
}

// packageOf finds the package of a qualified reference: by the name under
// which a file imports it, the directive's own file first, or by import path.
func (b *builder) packageOf(ref directive.Ref, file *ast.File) (*types.Package, *refusal) {
	if p := b.reachable().byFile[file][ref.Path]; p != nil {
		return p, nil
	}
	var found []*types.Package
	for _, f := range b.in.Files {
		if p := b.reachable().byFile[f][ref.Path]; p != nil && !slices.Contains(found, p) {
			found = append(found, p)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, refusef(fmt.Sprintf("write the import path, as in %s.%s", found[0].Path(), ref.Name),
			"%s is %s in one file and %s in another", ref.Path, found[0].Path(), found[1].Path())
	}
	p := b.reachable().byPath[ref.Path]
	if p == nil && b.in.Import != nil {
		p, _ = b.in.Import(ref.Path) // why it cannot be had is for the user to see with go list
	}
	switch {
	case p == nil && strings.Contains(ref.Path, "/"):
		return nil, refusef(fmt.Sprintf("import it in a file of package %s, as in import _ %q", b.pkg.Name(), ref.Path), "package %s of %s cannot be found", ref.Path, ref)
	case p == nil:
		return nil, refusef("import it, a blank import is enough, or write full/import/path."+ref.Name, "no file of package %s imports a package %s", b.pkg.Name(), ref.Path)
	case p.Name() == "main" && p != b.pkg:
		return nil, refusef("move "+ref.Name+" to a package", "package %s is a command and cannot be imported", ref.Path)
	case !visible(b.pkg.Path(), p.Path()):
		return nil, refusef("name something that package "+b.pkg.Name()+" may import", "package %s is internal to another tree", ref.Path)
	}
	return p, nil
}

// visible applies the rule of internal packages.
func visible(from, path string) bool {
	n := strings.LastIndex("/"+path+"/", "/internal/")
	if n < 0 {
		return true
	}
	parent := strings.TrimSuffix(path[:max(n, 0)], "/")
	from = strings.TrimSuffix(from, "_test") // an external test package lives in the folder of its package
	return parent == "" || from == parent || strings.HasPrefix(from, parent+"/")
}

// didYouMean ends a message about an unknown name.
func didYouMean(name string, candidates []string, otherwise string) string {
	if near := directive.Nearest(name, candidates); near != "" {
		return "did you mean " + near + "?"
	}
	return otherwise
}

// errorMatch resolves an error that a directive names.
func (b *builder) errorMatch(ref directive.Ref, file *ast.File) (ErrorMatch, bool) {
	end := ref.End()
	obj, no := b.resolve(ref, file, "declare it, or write pkg."+ref.Name)
	if no != nil {
		b.problemf(ref.Pos, end, "%s", no)
		return ErrorMatch{}, false
	}
	match := ErrorMatch{Ref: ref, Object: obj}
	switch obj := obj.(type) {
	case *types.Var, *types.Const:
		if implements(obj.Type()) {
			return match, true
		}
		b.problemf(ref.Pos, end, "%s is no error; name an error value or a type that implements error", ref)
		return match, false
	case *types.TypeName:
		if isGeneric(obj.Type()) {
			b.problemf(ref.Pos, end, "%s is a generic type, which has no one error type; name an error value or a plain type", ref)
			return match, false
		}
		match.Value = implements(obj.Type())
		match.Pointer = !types.IsInterface(obj.Type()) && implements(types.NewPointer(obj.Type()))
		if match.Value || match.Pointer {
			return match, true
		}
		b.problemf(ref.Pos, end, "%s is a type without Error() string; name an error value or a type that implements error", ref)
		return match, false
	default:
		b.problemf(ref.Pos, end, "%s is a function; name an error value or a type that implements error", ref)
		return match, false
	}
}

func isGeneric(t types.Type) bool {
	generic, ok := t.(interface{ TypeParams() *types.TypeParamList })
	return ok && generic.TypeParams().Len() > 0
}

func implements(t types.Type) bool { return types.Implements(t, errorIface) }
