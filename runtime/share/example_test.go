package share_test

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/share"
)

func Example() {
	sys, err := resil.New(resil.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := redis.NewClient(&redis.Options{Addr: "redis.internal:6379", MaxRetries: -1})
	defer client.Close() //nolint:errcheck // an example's client

	hints, err := share.New(sys, share.Redis(client, "shop"), share.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(hints.Start()) // whether or not Redis is there
	fmt.Println(hints.Close(context.Background()))
	// Output:
	// <nil>
	// <nil>
}
