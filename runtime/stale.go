package resil

import (
	"sync"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/resilgo/resil/runtime/internal/mono"
)

// staleAnswers keeps the last good answer of a method per argument key. The
// cache is made with the first answer. Entries carry their age: the cache only
// bounds their number.
type staleAnswers struct {
	max   int
	once  sync.Once
	cache *otter.Cache[any, staleAnswer]
}

type staleAnswer struct {
	value any
	at    mono.Time
}

func (a *staleAnswers) answers() *otter.Cache[any, staleAnswer] {
	a.once.Do(func() {
		a.cache = otter.Must(&otter.Options[any, staleAnswer]{
			MaximumSize: a.max,
			Executor:    func(f func()) { f() }, // no goroutine of its own
		})
	})
	return a.cache
}

// keep remembers a good answer if the method has a stale fallback. An answer
// that is an error, such as that there is no such thing any more, makes it
// forget: what was known before is known to be wrong.
func keep[T any](s *call, v T, err error, with *standIns[T]) {
	a := s.c.stale
	if a == nil || with == nil || with.Key == nil {
		return
	}
	if err != nil {
		a.answers().Invalidate(with.Key())
		return
	}
	if with.Copy != nil {
		v = with.Copy(v)
	}
	a.answers().Set(with.Key(), staleAnswer{value: v, at: mono.Now()})
}

// kept returns the answer kept for the call's arguments.
func kept[T any](s *call, f *Fallback, with *standIns[T]) (v T, age time.Duration, err error) {
	a := s.c.stale
	if a == nil || with == nil || with.Key == nil {
		return v, 0, errNotKept
	}
	found, ok := a.answers().GetIfPresent(with.Key())
	if !ok {
		return v, 0, errNotKept
	}
	age = mono.Now() - found.at
	if age > f.TTL {
		return v, 0, errNotKept
	}
	v, ok = found.value.(T)
	if !ok {
		return v, 0, errNotKept
	}
	if with.Copy != nil {
		v = with.Copy(v)
	}
	return v, age, nil
}

// answerKept answers from what is kept, without asking the client, as a level
// may demand.
func answerKept[T any](s *call, with *standIns[T]) (v T, ok bool) {
	for i := range s.c.fallbacks {
		if s.c.fallbacks[i].Strategy != StrategyStale {
			continue
		}
		v, age, err := kept(s, &s.c.fallbacks[i], with)
		if err != nil {
			return v, false
		}
		s.arm = arm{outcome: OutcomeShed, policy: policyLevel, reject: ErrShed}
		if s.c.metered {
			s.c.method.stats.fallback(i, true)
		}
		s.tell(StrategyStale, age, nil)
		s.close(nil)
		return v, true
	}
	return v, false
}
