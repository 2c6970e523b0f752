package generics

import (
	"context"
	"errors"
	"strings"
	"testing"

	resil "github.com/resilgo/resil/runtime"
)

type memory[V any] struct {
	values map[string]V
	err    error
}

func (m *memory[V]) Get(_ context.Context, key string) (V, error) { return m.values[key], m.err }

func (m *memory[V]) Page(context.Context, string, int) ([]V, string, error) {
	return []V{m.values["a"]}, "b", m.err
}

func (m *memory[V]) Put(_ context.Context, key string, v V) error {
	m.values[key] = v
	return m.err
}

type later struct{ put []string }

func (l *later) Defer(_ context.Context, key string, _ int) error {
	l.put = append(l.put, key)
	return nil
}

func TestGenericDecoratorsGuard(t *testing.T) {
	sys, err := resil.New(resil.Config{})
	if err != nil {
		t.Fatal(err)
	}
	m, l := &memory[int]{values: map[string]int{"a": 1}}, &later{}
	g := NewGuardedStore[string, int](sys, m, l)
	if v, err := g.Get(t.Context(), "a"); v != 1 || err != nil {
		t.Errorf("Get = %d, %v", v, err)
	}
	if vs, next, err := g.Page(t.Context(), "a", 1); len(vs) != 1 || next != "b" || err != nil {
		t.Errorf("Page = %v, %q, %v", vs, next, err)
	}
	m.err = errors.New("down")
	if err := g.Put(t.Context(), "c", 3); err != nil || len(l.put) != 1 {
		t.Errorf("Put = %v, deferred %v", err, l.put)
	}
	if _, err := g.Get(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), "a is absent") {
		t.Errorf("Get = %v, want the fallback's error", err)
	}
}
