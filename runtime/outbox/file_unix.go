//go:build unix

package outbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// openFile is os.OpenFile, but follows no symbolic link and waits for no FIFO.
func openFile(name string, flag int, perm os.FileMode) (*os.File, error) {
	f, err := os.OpenFile(name, flag|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, perm)
	if errors.Is(err, syscall.ELOOP) {
		return nil, fmt.Errorf("%s is a symbolic link; want a file", name)
	}
	return f, err
}

// private refuses what belongs to another user or others can reach.
func private(name string, info fs.FileInfo, remedy string) error {
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %d, not to %d who runs this", name, st.Uid, os.Geteuid())
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return fmt.Errorf("%s has mode %04o: others can reach it; %s", name, perm, remedy)
	}
	return nil
}

// abandon closes a file that may still be mapped. The map would keep the lock.
func abandon(f *os.File) error {
	return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close())
}

// syncDir makes a new name in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
