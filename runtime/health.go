package resil

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/resilgo/resil/runtime/internal/health"
	"github.com/resilgo/resil/runtime/internal/mono"
)

// CheckOption tunes one health check; [HealthConfig] is one.
type CheckOption interface{ check(*HealthConfig) }

func (c HealthConfig) check(h *HealthConfig) { *h = c.or(*h) }

// or returns c with its zero fields taken from d.
func (c HealthConfig) or(d HealthConfig) HealthConfig {
	if c.Every == 0 {
		c.Every = d.Every
	}
	if c.Timeout == 0 {
		c.Timeout = d.Timeout
	}
	if c.Fall == 0 {
		c.Fall = d.Fall
	}
	if c.Rise == 0 {
		c.Rise = d.Rise
	}
	return c
}

// validate returns every reason why checks could not run like this, joined.
func (c HealthConfig) validate() error {
	return health.Check{
		Probe: func(context.Context) error { return nil },
		Every: c.Every, Timeout: c.Timeout, Fall: c.Fall, Rise: c.Rise,
	}.Validate()
}

// AddCheck adds a health check of a dependency, which need not be guarded yet.
// It should ask the dependency itself, past its guard, though not past an
// [Injector], which sees it as method [CheckMethod]. Checks run between Start
// and Close; one that panics, hangs or ends its goroutine has failed. Of
// several checks of a dependency each counts for itself.
func (s *System) AddCheck(dependency string, check func(context.Context) error, options ...CheckOption) error {
	if !ValidName(dependency) {
		return fmt.Errorf("resil: %q is no name of a dependency", dependency)
	}
	if check == nil {
		return errors.New("resil: AddCheck without a check")
	}
	var c HealthConfig
	for _, o := range options {
		o.check(&c)
	}
	return s.addCheck(dependency, "", check, c)
}

func (s *System) addCheck(dependency, name string, check func(context.Context) error, c HealthConfig) error {
	s.mu.Lock()
	closed := s.closed
	d := s.dependency(dependency)
	s.mu.Unlock()
	if closed {
		return ErrClosed
	}
	c = c.or(s.config.Health)
	if s.injector != nil {
		check = s.faulty(dependency, check)
	}
	err := s.checks.Add(health.Check{
		Dependency: dependency, Name: name, Probe: check,
		Every: c.Every, Timeout: c.Timeout, Fall: c.Fall, Rise: c.Rise,
	})
	if err != nil {
		return fmt.Errorf("resil: %w", err)
	}
	d.checked.Store(true)
	return nil
}

// CheckMethod is the method as which health checks meet an [Injector].
const CheckMethod = "health"

// faulty puts the injector's faults into a health check: it goes past the
// guard, and would find a dependency well that chaos has taken away.
func (s *System) faulty(dependency string, check func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		after, err := s.injector.Inject(ctx, dependency, CheckMethod)
		if err != nil {
			return err //nolint:wrapcheck // it stands for the dependency's
		}
		err = check(ctx)
		if after != nil {
			err = after(err)
		}
		return err
	}
}

// checkDone follows a health check. A good one is a good probe where no real
// call probes: because the level lets none pass, or because none has come
// although it could. Without the latter a service without traffic would not
// recover.
func (s *System) checkDone(r health.Result) {
	d := s.find(r.Dependency)
	d.checkDone(r)
	if r.Err != nil {
		return
	}
	var grace time.Duration
	if d.mayCall(s.Level()) {
		grace = s.config.Health.or(HealthConfig{Every: health.DefaultEvery}).Every / 2
	}
	d.breaker.Check(mono.Now(), true, grace)
}

func (d *dependency) checkDone(r health.Result) {
	s := d.sys
	s.levels.mu.Lock()
	defer s.levels.mu.Unlock()
	d.sick = ""
	if r.Err != nil {
		d.sick = errorClass(r.Err)
	}
	if d.ailing == r.Down {
		return
	}
	d.ailing = r.Down
	c := Change{Kind: ChangeHealth, Dependency: d.name, From: "up", To: "down", Reason: d.sick, At: time.Now()}
	if !r.Down {
		c.From, c.To, c.Reason = "down", "up", "health checks are good again"
	}
	s.events.push(c)
	d.settle()
}

// errorClass returns what may be shown of an error: its kind and not its text,
// which may hold secrets.
func errorClass(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	return fmt.Sprintf("%T", err)
}
