//go:build unix

package outbox

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestOpenMakesPrivateFiles(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	dir := folder(t)
	mustPut(t, mustOpen(t, dir, Config{}), "db", "1")
	for name, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, fileName): 0o600} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", name, got, want)
		}
	}
}

func TestOpenRefusesWhatIsNotPrivate(t *testing.T) {
	must := func(t *testing.T, errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name string
		make func(t *testing.T, dir, file string)
		want string
	}{
		{"a folder that is a symbolic link", func(t *testing.T, dir, _ string) {
			must(t, os.Remove(dir), os.Symlink(t.TempDir(), dir))
		}, "is a symbolic link; want a folder"},
		{"a folder that is a file", func(t *testing.T, dir, _ string) {
			must(t, os.Remove(dir), os.WriteFile(dir, nil, 0o600))
		}, "is a file; want a folder"},
		{"a folder that others can read", func(t *testing.T, dir, _ string) {
			must(t, os.Chmod(dir, 0o750))
		}, "has mode 0750: others can reach it; make that 0700, or name a folder in it that is not there yet"},
		{"a file that is a symbolic link", func(t *testing.T, _, file string) {
			target := filepath.Join(t.TempDir(), "x")
			must(t, os.WriteFile(target, nil, 0o600), os.Symlink(target, file))
		}, "is a symbolic link; want a file"},
		{"a symbolic link to nothing", func(t *testing.T, dir, file string) {
			must(t, os.Symlink(filepath.Join(dir, "nothing"), file))
		}, "is a symbolic link; want a file"},
		{"a file that others can read", func(t *testing.T, _, file string) {
			must(t, os.WriteFile(file, nil, 0o600), os.Chmod(file, 0o604))
		}, "has mode 0604: others can reach it; make that 0600"},
		{"a file that is a folder", func(t *testing.T, _, file string) {
			must(t, os.Mkdir(file, 0o700))
		}, "is a directory"},
		{"a file that is a FIFO", func(t *testing.T, _, file string) {
			must(t, syscall.Mkfifo(file, 0o600))
		}, "is a special file; want a file"},
		{"a folder without a parent", func(t *testing.T, dir, _ string) {
			must(t, os.Remove(dir), os.Remove(filepath.Dir(dir)))
		}, "no such file"},
		{"a folder of another user", func(t *testing.T, dir, _ string) {
			needRoot(t)
			must(t, os.Chown(dir, 12345, -1))
		}, "belongs to user 12345"},
		{"a file of another user", func(t *testing.T, _, file string) {
			needRoot(t)
			must(t, os.WriteFile(file, nil, 0o600), os.Chown(file, 12345, -1))
		}, "belongs to user 12345"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := folder(t)
			must(t, os.Mkdir(dir, 0o700))
			tc.make(t, dir, filepath.Join(dir, fileName))
			s, err := Open(dir, Config{})
			if err == nil {
				_ = s.Close(t.Context())
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("error %q, want one with the folder and %q", err, tc.want)
			}
		})
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
}
