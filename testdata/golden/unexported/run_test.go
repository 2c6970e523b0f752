package unexported

import (
	"context"
	"errors"
	"testing"

	resil "github.com/resilgo/resil/runtime"
)

type memory struct{ err error }

func (m memory) get(context.Context, string) (string, error) { return "value", m.err }

type table map[string]string

func (t table) lookup(_ context.Context, key string) (string, error) { return t[key], nil }

func TestUnexportedInterfaceIsGuarded(t *testing.T) {
	sys, err := resil.New(resil.Config{})
	if err != nil {
		t.Fatal(err)
	}
	g := newGuardedStore(sys, memory{errors.New("down")}, table{"k": "known"})
	if got, err := g.get(t.Context(), "k"); got != "known" || err != nil {
		t.Errorf("get = %q, %v, want what the fallback knows", got, err)
	}
}
