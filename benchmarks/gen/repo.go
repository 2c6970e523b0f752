// Package gen makes the synthetic repositories on which generators are
// measured, and runs one of them under measurement.
package gen

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Repository writes a module of packages with interfaces of methods to dir.
// It takes github.com/resilgo/resil from the checkout at root, at the versions
// of dependencies that the checkout uses.
func Repository(dir, root string, packages, interfaces, methods int) error {
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return err
	}
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		return err
	}
	const path = "github.com/resilgo/resil"
	text := strings.Replace(string(mod), "module "+path, "module example.com/synthetic", 1)
	text += fmt.Sprintf("\nrequire %s v0.0.0\n\nreplace %s => %s\n", path, path, root)
	files := map[string]string{"go.mod": text, "go.sum": string(sum)}
	for p := range packages {
		files[Source(p)] = source(p, interfaces, methods)
	}
	for name, content := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Source returns the file of the p-th package.
func Source(p int) string { return fmt.Sprintf("p%d/client.go", p) }

func source(p, interfaces, methods int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "// Package p%d is made up.\npackage p%d\n\nimport (\n\t\"context\"\n\t\"time\"\n)\n", p, p)
	b.WriteString("\n// Item is what clients deal in.\ntype Item struct {\n\tID string\n\tAt time.Time\n}\n")
	for i := range interfaces {
		fmt.Fprintf(&b, "\n// Client%d reaches a dependency.\n//\n//resil:guard dep%d\n//resil:timeout 2s\ntype Client%d interface {\n", i, p, i)
		for m := range methods {
			fmt.Fprintf(&b, "\t// Find%d finds items.\n\t//\n\t//resil:read\n\tFind%d(ctx context.Context, id string, limit int) ([]*Item, error)\n", m, m)
		}
		b.WriteString("}\n")
	}
	return b.String()
}
