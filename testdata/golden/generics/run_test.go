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

type counted[K, V any] struct {
	n   int
	err error
}

func (c *counted[K, V]) Count(context.Context, string) (int, error) { return c.n, c.err }
func (c *counted[K, V]) All(context.Context) (int, error)           { return c.n, c.err }
func (c *counted[K, V]) Of(context.Context, K) (int, error)         { return c.n, c.err }

// TestInstancesShareNoAnswers fails two clients that answered the same questions
// about different things.
func TestInstancesShareNoAnswers(t *testing.T) {
	sys, err := resil.New(resil.Config{})
	if err != nil {
		t.Fatal(err)
	}
	users, orders := &counted[string, int]{n: 1}, &counted[string, bool]{n: 2}
	u, o := NewGuardedCounts[string, int](sys, users), NewGuardedCounts[string, bool](sys, orders)
	for _, err := range []error{nil, errors.New("down")} {
		users.err, orders.err = err, err
		for _, ask := range []struct {
			what   string
			users  func() (int, error)
			orders func() (int, error)
		}{
			{"Count", func() (int, error) { return u.Count(t.Context(), "a") }, func() (int, error) { return o.Count(t.Context(), "a") }},
			{"All", func() (int, error) { return u.All(t.Context()) }, func() (int, error) { return o.All(t.Context()) }},
			{"Of", func() (int, error) { return u.Of(t.Context(), "a") }, func() (int, error) { return o.Of(t.Context(), "a") }},
		} {
			n, errU := ask.users()
			m, errO := ask.orders()
			if n != 1 || m != 2 || errU != nil || errO != nil {
				t.Errorf("%s = %d users, %d orders, %v, %v, want 1 and 2", ask.what, n, m, errU, errO)
			}
		}
	}
}
