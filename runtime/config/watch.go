package config

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// System is what a file is applied to: a [*resil.System].
type System interface {
	Reload(o resil.Overrides) error
	Status() resil.Status
}

// Apply reads the file at path and puts its overrides in force, or changes
// nothing and returns every problem: what is wrong with the file, dependencies
// and methods that sys does not have, and values that cannot work together.
// Build the guards first.
func Apply(path string, sys System) error {
	data, err := read(path)
	if err != nil {
		return err
	}
	return apply(path, data, sys)
}

func apply(path string, data []byte, sys System) error {
	doc, err := parse(path, data)
	if err != nil {
		return err
	}
	doc.unknown(sys.Status())
	if err := doc.decoder.err(); err != nil {
		return err
	}
	if err := sys.Reload(doc.overrides); err != nil {
		doc.refused(err)
		return doc.decoder.err()
	}
	return nil
}

// unknown reports names that the system does not have.
func (doc document) unknown(st resil.Status) {
	d := doc.decoder
	known, lazy := map[string][]string{}, map[string]bool{}
	for _, dep := range st.Dependencies {
		lazy[dep.Name] = dep.Limits.Lazy
		methods := []string{}
		for _, m := range dep.Methods {
			methods = append(methods, m.Name)
		}
		known[dep.Name] = methods
	}
	for _, name := range sortedKeys(doc.overrides.Dependencies) {
		methods, ok := known[name]
		if !ok {
			d.problem(d.places[place{"", name}], "unknown dependency %q%s", name, didYouMean(name, sortedKeys(known)))
			continue
		}
		for _, m := range sortedKeys(doc.overrides.Dependencies[name].Methods) {
			if !lazy[name] && !slices.Contains(methods, m) {
				d.problem(d.places[place{name, m}], "dependency %q has no method %q%s", name, m, didYouMean(m, methods))
			}
		}
	}
}

// namesDependency finds the dependency that an error of Reload speaks of.
var namesDependency = regexp.MustCompile(`dependency "([^"]*)"`)

// refused reports why the system refused the overrides, at the dependency
// that each reason names.
func (doc document) refused(err error) {
	d := doc.decoder
	for _, reason := range reasons(err) {
		line, column := 1, 1
		if m := namesDependency.FindStringSubmatch(reason.Error()); m != nil {
			if t := d.places[place{"", m[1]}]; t != nil {
				line, column = t.Position.Line, t.Position.Column
			}
		}
		d.at(line, column, "%s", strings.ReplaceAll(reason.Error(), "\n", "; "))
	}
}

// reasons returns the errors joined in err, those of one dependency together.
func reasons(err error) []error {
	for e := err; e != nil; e = errors.Unwrap(e) {
		if joined, ok := e.(interface{ Unwrap() []error }); ok {
			var all []error
			for _, part := range joined.Unwrap() {
				all = append(all, reasons(part)...)
			}
			return all
		}
		if strings.HasPrefix(e.Error(), "dependency ") {
			return []error{e}
		}
	}
	return []error{err}
}

// Options tune [Watch]. Zero fields take the defaults in parentheses.
type Options struct {
	Every  time.Duration // how often the file is looked at (1s)
	Logger *slog.Logger  // nil = slog.Default() at the time of logging
}

// Watcher keeps a system in step with a file. It is safe for concurrent use.
type Watcher struct {
	path string
	sys  System
	opts Options
	stop chan struct{}
	done chan struct{}
	once sync.Once

	mu     sync.Mutex // guards what follows
	err    error
	loaded time.Time
}

// Watch applies the file at path to sys and goes on doing so whenever it
// changes, until Close. An error of the first time is returned. Later ones are
// logged and kept for [Watcher.Err], and the overrides in force stay, also when
// the file disappears.
//
// It reads the file rather than waiting for events of the file system, which do
// not come through some mounts: editors replace files, Kubernetes swaps
// symbolic links, network disks say nothing. A change counts when two looks in
// a row have found the same, so that a file is not read half-written.
func Watch(path string, sys System, opts Options) (*Watcher, error) {
	if opts.Every == 0 {
		opts.Every = time.Second
	}
	if opts.Every < 10*time.Millisecond {
		return nil, fmt.Errorf("config: looking at the file every %s is out of range; want at least 10ms", opts.Every)
	}
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	if err := apply(path, data, sys); err != nil {
		return nil, err
	}
	w := &Watcher{path: path, sys: sys, opts: opts, stop: make(chan struct{}), done: make(chan struct{}), loaded: time.Now()}
	go w.watch(data)
	return w, nil
}

func (w *Watcher) watch(inForce []byte) {
	defer close(w.done)
	tick := time.NewTicker(w.opts.Every)
	defer tick.Stop()
	last := inForce // what the last look found
	tried := inForce
	for {
		select {
		case <-w.stop:
			return
		case <-tick.C:
		}
		data, err := read(w.path)
		switch {
		case err != nil:
			w.failed(err)
			last, tried = nil, nil // what comes next is a change
		case !same(data, last):
			last = data
		case !same(data, tried):
			tried = data
			w.reload(data)
		}
	}
}

// same reports whether two looks found the same. A look that found no file
// differs from one that found an empty one.
func same(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

func (w *Watcher) reload(data []byte) {
	if err := apply(w.path, data, w.sys); err != nil {
		w.failed(err)
		return
	}
	w.mu.Lock()
	w.err, w.loaded = nil, time.Now()
	w.mu.Unlock()
	w.logger().Info("resil overrides reloaded", "file", w.path)
}

// failed keeps err, and logs it unless it is the one before.
func (w *Watcher) failed(err error) {
	w.mu.Lock()
	before := w.err
	w.err = err
	w.mu.Unlock()
	if before == nil || before.Error() != err.Error() {
		w.logger().Error("resil overrides refused, those in force stay", "file", w.path, "error", err)
	}
}

func (w *Watcher) logger() *slog.Logger {
	if w.opts.Logger != nil {
		return w.opts.Logger
	}
	return slog.Default()
}

// Err returns why the file as it is now is not in force, nil if it is.
func (w *Watcher) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Loaded returns when the overrides in force were read.
func (w *Watcher) Loaded() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.loaded
}

// Close stops watching; the overrides in force stay. It is idempotent.
func (w *Watcher) Close() {
	w.once.Do(func() { close(w.stop) })
	<-w.done
}
