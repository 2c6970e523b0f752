package generator

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/resilgo/resil/generator/internal/emit"
	"github.com/resilgo/resil/generator/internal/manifest"
	"github.com/resilgo/resil/generator/model"
	resil "github.com/resilgo/resil/runtime"
)

// memory is what a manifest keeps of a generation that left every file up to
// date.
type memory struct{ Folders []folderMemory }

// folderMemory is what is kept of the packages in one folder. It holds as long
// as no file in Sources changes.
type folderMemory struct {
	Path       string
	Sources    []string // the folder itself and those of the packages it depends on that may change
	Hash       string   // of Sources
	Notes      []Message
	Interfaces int
	Stated     []statement // what its guards state for their dependencies
}

// statement is a value that a guard states for its dependency.
type statement struct{ Dependency, Key, Value string }

// remembered opens the manifest of a generation.
func remembered(opts Options) *manifest.Manifest {
	dir, env := opts.Dir, opts.Env
	if env == nil {
		env = os.Environ()
	}
	if dir == "" {
		dir, _ = os.Getwd() // without it the manifest finds no files and remembers nothing
	}
	return manifest.Open(dir, env, opts.Patterns)
}

// shortcut generates for the folders that have changed since the last run, of
// many. It returns nil when all has to be generated: because nothing is
// remembered, because most has changed, or because there is something to
// report, which is to be complete and in order.
func shortcut(opts Options, m *manifest.Manifest) *Result {
	var mem memory
	known := m.Recall(&mem)
	if known == nil {
		return nil
	}
	fresh, stale := mem.sort(m, known)
	if known.Same && len(stale) == 0 {
		return (&Result{Unchanged: true, manifest: m}).with(fresh)
	}
	if len(stale) == 0 || len(stale) > len(fresh) {
		return nil
	}
	res, err := generate(Options{Dir: opts.Dir, Env: opts.Env, Patterns: stale}, m)
	if err != nil || len(res.Problems) > 0 || contradict(append(slices.Clip(fresh), res.folders...)) {
		return nil
	}
	return res.with(fresh)
}

// sort separates the folders whose sources are as they were from those that
// have changed or are new.
func (mem memory) sort(m *manifest.Manifest, known *manifest.Known) (fresh []folderMemory, stale []string) {
	old := make(map[string]folderMemory)
	for _, f := range mem.Folders {
		old[f.Path] = f
	}
	for _, dir := range m.Folders() {
		if f, ok := old[dir]; ok && known.Hash(f.Sources) == f.Hash {
			fresh = append(fresh, f)
		} else {
			stale = append(stale, dir)
		}
	}
	return fresh, stale
}

// with adds what is known of folders that were not generated for.
func (r *Result) with(fresh []folderMemory) *Result {
	for _, f := range fresh {
		r.Notes = append(r.Notes, f.Notes...)
		r.Interfaces += f.Interfaces
	}
	r.Notes = inOrder(r.Notes)
	r.folders = append(r.folders, fresh...)
	if len(r.Changes) == 0 && !r.Unchanged {
		r.remember()
	}
	return r
}

// contradict reports whether two folders state different values for a
// dependency.
func contradict(folders []folderMemory) bool {
	values := make(map[statement]string)
	for _, f := range folders {
		for _, s := range f.Stated {
			key := statement{Dependency: s.Dependency, Key: s.Key}
			if value, ok := values[key]; ok && value != s.Value {
				return true
			}
			values[key] = s.Value
		}
	}
	return false
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
	var outside []string
	for _, f := range r.folders {
		outside = append(outside, f.Sources...)
	}
	r.manifest.Save(outside, written, func(hash func([]string) string) any {
		mem := memory{Folders: slices.Clone(r.folders)}
		for i := range mem.Folders {
			mem.Folders[i].Hash = hash(mem.Folders[i].Sources)
		}
		return mem
	})
}

// memories returns what is to be kept of each folder that was loaded.
func (g *generation) memories(notes []Message) []folderMemory {
	var list []folderMemory
	at := make(map[string]int)
	for _, f := range g.loaded.Folders {
		at[f.Path] = len(list)
		list = append(list, folderMemory{Path: f.Path, Sources: []string{f.Path}})
	}
	for i, u := range g.loaded.Units {
		f := &list[at[u.Folder.Path]]
		f.Sources = slices.Compact(slices.Sorted(slices.Values(append(f.Sources, u.Sources...))))
		for _, file := range g.models[i].Files {
			f.Interfaces += len(file.Interfaces)
			for _, iface := range file.Interfaces {
				f.Stated = append(f.Stated, stated(iface)...)
			}
		}
	}
	for _, n := range notes {
		if i, ok := at[filepath.Dir(n.Pos.Filename)]; ok {
			list[i].Notes = append(list[i].Notes, n)
		}
	}
	return list
}

// stated returns what an interface states for its dependency, value by value.
func stated(i *model.Interface) []statement {
	list := []statement{}
	add := func(policy string, v any) {
		for field, value := range reflect.ValueOf(v).Fields() {
			if !value.IsZero() {
				list = append(list, statement{i.Dependency, policy + field.Name, fmt.Sprint(value)})
			}
		}
	}
	add("guard", struct {
		Criticality resil.Criticality
		Down        resil.Level
	}{i.Criticality, i.Down})
	if i.Breaker != nil {
		add("breaker", i.Breaker.Value)
	}
	if i.Bulkhead != nil {
		add("bulkhead", i.Bulkhead.Value)
	}
	if i.Rate != nil {
		add("rate", i.Rate.Value)
	}
	return list
}
