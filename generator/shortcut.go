package generator

import (
	"os"

	"github.com/resilgo/resil/generator/internal/emit"
	"github.com/resilgo/resil/generator/internal/manifest"
)

// saved is what a manifest keeps of a result.
type saved struct {
	Notes      []Message
	Interfaces int
}

// open returns the manifest of a generation.
func open(opts Options) *manifest.Manifest {
	dir, env := opts.Dir, opts.Env
	if env == nil {
		env = os.Environ()
	}
	if dir == "" {
		dir, _ = os.Getwd() // without it the manifest finds no files and remembers nothing
	}
	return manifest.Open(dir, env, opts.Patterns)
}

// recall returns the result of an earlier generation that still holds, nil if
// there is none.
func recall(known *manifest.Manifest) *Result {
	var s saved
	if !known.Recall(&s) {
		return nil
	}
	return &Result{Findings: Findings{Notes: s.Notes}, Unchanged: true, Interfaces: s.Interfaces}
}

// remember notes that the files on disk are what r would generate.
func (r *Result) remember() {
	written := make(map[string][]byte)
	for _, c := range r.Changes {
		written[c.Path] = c.New
		if c.Kind == emit.Remove {
			written[c.Path] = nil
		}
	}
	r.manifest.Save(r.sources, written, saved{r.Notes, r.Interfaces})
}
