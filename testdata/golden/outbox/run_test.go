package outbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/outbox"
)

// client is behind all guards: it is away, and then takes down what reaches it.
type client struct {
	back bool
	got  []string
}

func (c *client) take(format string, args ...any) error {
	if !c.back {
		return errors.New("away")
	}
	c.got = append(c.got, fmt.Sprintf(format, args...))
	return nil
}

type first struct{ *client }

func (c first) Save_All(_ context.Context, payload arguments, args []Item, text string, err ...error2) error {
	return c.take("Item_.Save_All %v %v %s %v", payload, args, text, err)
}

type second struct{ *client }

func (c second) All(_ context.Context, a, b Item) error { return c.take("Item_Save.All %v %v", a, b) }
func (second) Close() error                             { return nil }

type third struct{ *client }

func (c third) All(id, upper string) error { return c.take("ItemSave.All %s %s", id, upper) }

type fourth struct{ *client }

func (c fourth) SaveAll(_ context.Context, sku string) error { return c.take("Things.SaveAll %s", sku) }

type fifth struct{ *client }

func (c fifth) All(_ context.Context, sku string) error { return c.take("ThingsSave.All %s", sku) }

// TestDeferredWritesGoWhereTheyCameFrom puts a write of each interface aside,
// all of one dependency and three of one method's name, in a file that outlives
// a restart.
func TestDeferredWritesGoWhereTheyCameFrom(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil { //nolint:gosec // a folder is entered
		t.Fatal(err)
	}
	ctx := t.Context()
	run := func(c *client, use func(*resil.System, *GuardedItem_, *GuardedItem_Save, *GuardedItemSave, *GuardedThings, *GuardedThingsSave)) {
		synctest.Test(t, func(t *testing.T) {
			box, err := outbox.Open(dir, outbox.Config{})
			if err != nil {
				t.Fatal(err)
			}
			sys, err := resil.New(resil.Config{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}, resil.WithOutbox(box))
			if err != nil {
				t.Fatal(err)
			}
			a, b, d, e, f := NewGuardedItem_(sys, first{c}), NewGuardedItem_Save(sys, second{c}), NewGuardedItemSave(sys, third{c}), NewGuardedThings(sys, fourth{c}), NewGuardedThingsSave(sys, fifth{c})
			if err := sys.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			use(sys, a, b, d, e, f)
			if err := sys.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	away := new(client)
	run(away, func(_ *resil.System, a *GuardedItem_, b *GuardedItem_Save, d *GuardedItemSave, e *GuardedThings, f *GuardedThingsSave) {
		for _, err := range []error{
			a.Save_All(ctx, arguments{"n": 1}, []Item{{"x"}, {"y"}}, "text", "e1", "e2"),
			b.All(ctx, Item{"one"}, Item{"two"}),
			d.All("id", "ID"),
			e.SaveAll(ctx, "things"),
			f.All(ctx, "save"),
		} {
			if err != nil {
				t.Errorf("a write of an absent client: %v, want it put aside", err)
			}
		}
	})
	back := &client{back: true}
	run(back, func(*resil.System, *GuardedItem_, *GuardedItem_Save, *GuardedItemSave, *GuardedThings, *GuardedThingsSave) {
		time.Sleep(5 * time.Minute)
	})
	want := []string{
		"Item_.Save_All map[n:1] [{x} {y}] text [e1 e2]", "Item_Save.All {one} {two}", "ItemSave.All id ID", "Things.SaveAll things", "ThingsSave.All save",
	}
	if !reflect.DeepEqual(back.got, want) {
		t.Errorf("delivered %q, want %q", back.got, want)
	}
}
