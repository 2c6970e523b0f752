package resil

import "time"

// killswitch is the kill switch by hand. It is apart from overrides, so that
// loading those again does not end it, nor its end undo those.
type killswitch struct {
	killed *Forced     // nil = off
	timer  *time.Timer // ends it
}

// Disable is the kill switch by hand: for ttl the policies of every dependency
// are off and the fallbacks kept, whatever overrides say. ttl is more than 0
// and at most MaxDuration; reason says why and must not be empty. It returns
// [ErrClosed] after Close.
func (s *System) Disable(ttl time.Duration, reason string) error {
	if err := checkForce(ttl, reason); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if s.timer != nil {
		s.timer.Stop()
	}
	f := &Forced{To: "off", Reason: reason, Until: time.Now().Add(ttl)}
	s.timer = time.AfterFunc(ttl, func() { s.enable(f, "expired") })
	s.switchTo(f, Change{Kind: ChangeForced, To: f.To, Reason: reason, At: time.Now()})
	return nil
}

// Enable ends what [System.Disable] began before it expires.
func (s *System) Enable() { s.enable(nil, "ended by hand") }

// enable ends the kill switch; of f if f is not nil.
func (s *System) enable(f *Forced, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.killed == nil || f != nil && s.killed != f {
		return
	}
	s.timer.Stop()
	s.switchTo(nil, Change{Kind: ChangeForced, From: s.killed.To, Reason: reason, At: time.Now()})
}

// switchTo puts f in force. Requires mu.
func (s *System) switchTo(f *Forced, c Change) {
	s.killed = f
	for _, d := range *s.deps.Load() {
		d.configure()
	}
	s.events.push(c)
}

// disabled reports whether the policies of all dependencies are off. Requires
// mu.
func (s *System) disabled() bool { return s.overrides.Disabled || s.killed != nil }
