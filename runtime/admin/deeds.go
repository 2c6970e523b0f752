package admin

import "sync"

// What an order of control can be about; a breaker's subject is its
// dependency's name after this prefix.
const (
	aboutLevel   = "level"
	aboutKill    = "kill"
	aboutChaos   = "chaos"
	aboutBreaker = "breaker "
)

// deeds remembers who gave the latest order about each subject. The runtime
// knows reasons only: there the actor stands behind the reason, so that logs
// and history tell both.
type deeds struct {
	mu     sync.Mutex
	latest map[string]deed // by subject; guarded by mu
}

type deed struct{ reason, by string }

// cause is the reason as the runtime is told it.
func (d deed) cause() string { return d.reason + " (" + d.by + ")" }

func (l *deeds) note(subject string, d deed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.latest == nil {
		l.latest = map[string]deed{}
	}
	l.latest[subject] = d
}

// tell returns the reason and the actor of what is in force for a cause. What
// was ordered past this handler has no actor that it knows.
func (l *deeds) tell(subject, cause string) deed {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d, ok := l.latest[subject]; ok && d.cause() == cause {
		return d
	}
	return deed{reason: cause}
}
