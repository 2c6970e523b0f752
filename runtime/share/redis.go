package share

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/redis/go-redis/v9"
)

// exchange leaves and reads all reports in one step. Every set holds replicas
// with the time, by the server's clock, until which they count: no other clock
// is compared with another.
//
// KEYS: the set of replicas, then one set per dependency.
// ARGV: replica, milliseconds that a report counts, then 1 or 0 per dependency.
var exchange = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local ttl = tonumber(ARGV[2])
local counts = {}
for i, key in ipairs(KEYS) do
  if i == 1 or ARGV[i + 1] == '1' then
    redis.call('ZADD', key, now + ttl, ARGV[1])
    if redis.call('PTTL', key) < 2 * ttl then
      redis.call('PEXPIRE', key, 2 * ttl)
    end
  else
    redis.call('ZREM', key, ARGV[1])
  end
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  counts[i] = redis.call('ZCARD', key)
end
return counts
`)

// Redis returns a store in Redis, for which replicas of one service give the
// same namespace: letters, digits, '-', '_', '.'. On a cluster all its keys lie
// in one slot. The client's own timeouts and retries are best kept short.
func Redis(client redis.Scripter, namespace string) Store {
	return &redisStore{client: client, prefix: "resil:{" + namespace + "}:"}
}

type redisStore struct {
	client redis.Scripter
	prefix string
}

// Exchange implements Store.
func (r *redisStore) Exchange(ctx context.Context, report Report) (View, error) {
	names := slices.Sorted(maps.Keys(report.Open))
	keys := []string{r.prefix + "replicas"}
	args := []any{report.Replica, report.TTL.Milliseconds()}
	for _, name := range names {
		keys = append(keys, r.prefix+"open:"+name)
		open := 0
		if report.Open[name] {
			open = 1
		}
		args = append(args, open)
	}
	//resil:guarded ask bounds it in time, and without hints every replica judges for itself
	counts, err := exchange.Run(ctx, r.client, keys, args...).Int64Slice()
	if err != nil {
		return View{}, fmt.Errorf("share: %w", err)
	}
	if len(counts) != len(keys) {
		return View{}, fmt.Errorf("share: redis returned %d counts for %d keys", len(counts), len(keys))
	}
	view := View{Replicas: int(counts[0]), Open: map[string]int{}}
	for i, name := range names {
		view.Open[name] = int(counts[i+1])
	}
	return view, nil
}
