package resil

// Disable is the kill switch by hand: on turns the policies of every dependency
// off, keeps the fallbacks, and keeps everything else that [System.Reload] put
// in force. It returns [ErrClosed] after Close.
func (s *System) Disable(on bool) error {
	s.mu.Lock()
	o := s.overrides
	s.mu.Unlock()
	o.Disabled = on
	return s.Reload(o)
}
