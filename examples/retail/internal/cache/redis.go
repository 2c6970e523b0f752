package cache

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Redis is the Cache behind a Redis server. It is safe for concurrent use.
type Redis struct {
	client *redis.Client
}

// hush silences the client's own log, which has a line for each connection
// that fails. The guard tells once that the dependency is down.
var hush = sync.OnceFunc(logging.Disable)

// NewRedis returns a client of the server at a redis:// URL. It dials nothing.
func NewRedis(url string) (*Redis, error) {
	hush()
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	// Retries are the guard's business, here and when dialling; the deadline
	// of a call is the guard's too, so the client must look at the context.
	options.MaxRetries = -1
	options.DialerRetries = 1
	options.ContextTimeoutEnabled = true
	options.DialTimeout = time.Second
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return &Redis{client: redis.NewClient(options)}, nil
}

// Get returns the value under key.
func (r *Redis) Get(ctx context.Context, key string) (value []byte, found bool, err error) {
	value, err = r.client.Get(ctx, key).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, false, nil
	}
	return value, err == nil, err
}

// Set stores value under key for ttl.
func (r *Redis) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	return r.client.Set(ctx, key, value, ttl).Err()
}

// Delete forgets key.
func (r *Redis) Delete(ctx context.Context, key string) error {
	return r.client.Del(ctx, key).Err()
}

// Ping checks the connection.
func (r *Redis) Ping(ctx context.Context) error {
	return r.client.Ping(ctx).Err()
}

// Close releases the connections.
func (r *Redis) Close() error { return r.client.Close() }
