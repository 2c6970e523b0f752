package kin_test

import (
	"go/parser"
	"go/token"
	"testing"

	"github.com/resilgo/resil/generator/directive"
	"github.com/resilgo/resil/generator/internal/kin"
)

// FuzzAdd holds that the text of a file gives away every dependency that the
// grammar finds in it.
func FuzzAdd(f *testing.F) {
	for _, src := range []string{
		"package p\n\n//resil:guard db\ntype A interface{ M() error }\n",
		"package p\r\n\r\n//resil:guard criticality=high db down=limited \t\r\ntype A interface{ M() error }\r\n",
		"package p\n\ntype A interface{ M() error } //resil:guard `db`\n",
		"package p\n\n//resil:guard \"d\\x62\" \"criticality=low\"\ntype A interface{ M() error }\n",
		"package p\n\n// resil:guard a\n//resil:guard\tb\n//resil:guarded c\n/*\n//resil:guard d */\ntype A interface{ M() error }",
	} {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		fset := token.NewFileSet()
		file, _ := parser.ParseFile(fset, "a.go", src, parser.ParseComments|parser.SkipObjectResolution)
		if file == nil || file.Name == nil {
			return
		}
		names := make(map[string]bool)
		kin.Add(names, []byte(src))
		for _, d := range directive.Parse(fset, file).Directives {
			if guard, ok := d.Value.(directive.Guard); ok && !names[guard.Name] {
				t.Errorf("found %v, but not %s in\n%s", names, guard.Name, src)
			}
		}
	})
}
