package command

import (
	"errors"
	"os"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
)

// profiled runs f under the profiles that the flags ask for.
func (c *command) profiled(f func() (int, error)) (code int, err error) {
	if c.cpuProfile != "" {
		stop, err := record(c.cpuProfile, func(out *os.File) error { return pprof.StartCPUProfile(out) }, pprof.StopCPUProfile)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, stop()) }()
	}
	if c.trace != "" {
		stop, err := record(c.trace, func(out *os.File) error { return trace.Start(out) }, trace.Stop)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, stop()) }()
	}
	code, err = f()
	if c.memProfile != "" && err == nil {
		runtime.GC() // so that the profile shows what is in use now
		err = heapProfile(c.memProfile)
	}
	return code, err
}

// record creates the file and starts a recording into it, which the returned
// function ends.
func record(name string, start func(*os.File) error, stop func()) (end func() error, err error) {
	out, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := start(out); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return func() error {
		stop()
		return out.Close()
	}, nil
}

func heapProfile(name string) error {
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(pprof.WriteHeapProfile(out), out.Close())
}
