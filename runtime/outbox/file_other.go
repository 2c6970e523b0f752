//go:build !unix

package outbox

import (
	"fmt"
	"io/fs"
	"os"
)

// openFile is os.OpenFile, but refuses symbolic links.
func openFile(name string, flag int, perm os.FileMode) (*os.File, error) {
	if info, err := os.Lstat(name); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return nil, fmt.Errorf("%s is a symbolic link; want a file", name)
	}
	return os.OpenFile(name, flag, perm)
}

// private has no meaning where modes say nothing about other users: the
// folder's access list, which new files inherit, is the owner's to set.
func private(string, fs.FileInfo, string) error { return nil }

// abandon closes a file, and with it its lock.
func abandon(f *os.File) error { return f.Close() }

// syncDir is not possible here; the file system's journal orders the names.
func syncDir(string) error { return nil }
