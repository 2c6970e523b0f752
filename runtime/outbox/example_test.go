package outbox_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/outbox"
)

func Example() {
	parent, err := os.MkdirTemp("", "outbox")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(parent) //nolint:errcheck // an example's folder
	box, err := outbox.Open(filepath.Join(parent, "shop"), outbox.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	order := resil.Entry{Origin: resil.Origin{Dependency: "db", Method: "SaveOrder"}, Payload: []byte("order 17")}
	fmt.Println(box.Put(outbox.WithKey(ctx, "key-17"), order)) // durable from here on

	// A resil.System given resil.WithOutbox(box) does the rest by itself.
	done := make(chan struct{})
	box.Bind(resil.Origin{Dependency: "db", Method: "SaveOrder"}, func(ctx context.Context, payload []byte) error {
		key, _ := outbox.Key(ctx)
		fmt.Printf("%s with %s\n", payload, key)
		close(done)
		return nil
	})
	fmt.Println(box.Start(ctx, func(string) bool { return true }))
	<-done
	fmt.Println(box.Close(ctx))
	// Unordered output:
	// <nil>
	// <nil>
	// order 17 with key-17
	// <nil>
}
