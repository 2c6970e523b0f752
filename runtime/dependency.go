package resil

// Policy is one policy of a dependency that is guarded without an interface:
// [Breaker], [Timeout], [Retry], [Bulkhead], [Rate], [Hedge], [Criticality],
// [Errors], [DownAt], [Kind], [Operation], [Idempotent] and [Actions].
type Policy interface{ policy(*doSpec) }

// doSpec collects the policies given to [System.Dependency].
type doSpec struct {
	guard  GuardSpec
	method MethodSpec
	stated Actions
}

// Errors classifies the client's errors.
type Errors struct {
	Ignore  func(error) bool // the dependency answered: success for the breaker, no retry, no fallback
	Failure func(error) bool // counts as a failure even where the defaults say it is an answer
}

// DownAt is the level that the system enters while the dependency is down.
type DownAt Level

// Operation names what [Do] runs, as generated code names methods; "do" when
// not given. Operations of one dependency have method policies of their own.
type Operation string

// Idempotent marks an operation of Kind Write as one that may be repeated.
type Idempotent bool

func (p Breaker) policy(s *doSpec)     { s.guard.Breaker = &p }
func (p Bulkhead) policy(s *doSpec)    { s.guard.Bulkhead = &p }
func (p Rate) policy(s *doSpec)        { s.guard.Rate = &p }
func (p Criticality) policy(s *doSpec) { s.guard.Criticality = p }
func (p DownAt) policy(s *doSpec)      { s.guard.Down = Level(p) }
func (p Timeout) policy(s *doSpec)     { s.method.Timeout = p }
func (p Retry) policy(s *doSpec)       { s.method.Retry = &p }
func (p Hedge) policy(s *doSpec)       { s.method.Hedge = &p }
func (p Kind) policy(s *doSpec)        { s.method.Kind = p }
func (p Idempotent) policy(s *doSpec)  { s.method.Idempotent = bool(p) }
func (p Operation) policy(s *doSpec)   { s.method.Name = string(p) }
func (p Actions) policy(s *doSpec)     { s.stated = p }
func (p Errors) policy(s *doSpec)      { s.method.Ignore, s.method.Failure = p.Ignore, p.Failure }
