package outbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

const (
	fileName = "outbox.db"
	newName  = "outbox-*.new" // a file being made; never holds a write

	// lockWait is how long Open waits for another owner: long enough for a
	// predecessor that is just letting go, short enough for a clear error.
	lockWait = 200 * time.Millisecond
)

// openFunc is os.OpenFile; tests put faults into it.
type openFunc func(name string, flag int, perm os.FileMode) (*os.File, error)

// openDB opens the file in dir, making either if there is none.
func openDB(dir string, openFile openFunc) (*bolt.DB, *os.File, error) {
	if err := secureDir(dir); err != nil {
		return nil, nil, err
	}
	path := filepath.Join(dir, fileName)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := create(dir, path, openFile); err != nil {
			return nil, nil, err
		}
	}
	db, file, err := openBolt(path, openFile)
	if err != nil {
		return nil, nil, err
	}
	if err := guardFaults(func() error { return db.View(checkVersion) }); err != nil {
		return nil, nil, errors.Join(err, closeDB(db, file, err))
	}
	// We own the folder now: what others left half made is nobody's.
	left, _ := filepath.Glob(filepath.Join(dir, newName)) // the pattern is well formed
	for _, name := range left {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, errors.Join(err, db.Close())
		}
	}
	return db, file, nil
}

// create makes an empty outbox under another name first: a crash in between
// must not leave a file that no later Open can read. Linking, unlike renaming,
// does not replace what another process has made meanwhile.
func create(dir, path string, openFile openFunc) error {
	f, err := os.CreateTemp(dir, newName)
	if err != nil {
		return err
	}
	made := f.Name()
	defer os.Remove(made) //nolint:errcheck // the next Open removes it
	if err := f.Close(); err != nil {
		return err
	}
	db, _, err := openBolt(made, openFile)
	if err != nil {
		return err
	}
	if err := errors.Join(db.Update(initialise), db.Close()); err != nil {
		return err
	}
	if err := os.Link(made, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(dir)
}

// openBolt opens a bbolt file, and returns the file under it too.
func openBolt(path string, openFile openFunc) (db *bolt.DB, file *os.File, err error) {
	err = guardFaults(func() (err error) {
		db, err = bolt.Open(path, 0o600, &bolt.Options{
			Timeout:      lockWait,
			FreelistType: bolt.FreelistMapType,
			NoStatistics: true,
			OpenFile: func(name string, flag int, perm os.FileMode) (*os.File, error) {
				f, err := openFile(name, flag, perm)
				if err != nil {
					return nil, err
				}
				if err := secureFile(f); err != nil {
					return nil, errors.Join(err, f.Close())
				}
				file = f
				return f, nil
			},
		})
		return err
	})
	switch {
	case err == nil:
		return db, file, nil
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, nil, ErrInUse
	case errors.Is(err, errDamagedFile) && file != nil:
		return nil, nil, errors.Join(err, abandon(file))
	default:
		return nil, nil, err // bbolt has closed the file
	}
}

// closeDB closes db, given the error it ended with. A panic may have left
// bbolt's locks held, on which its Close would wait for ever; then only the
// file is let go.
func closeDB(db *bolt.DB, file *os.File, cause error) error {
	if errors.Is(cause, errDamagedFile) {
		return abandon(file)
	}
	return db.Close()
}

var errDamagedFile = errors.New("file is damaged")

// guardFaults turns panics over a damaged or truncated file into errors, page
// faults of the memory map included.
func guardFaults(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: %v", errDamagedFile, v)
		}
	}()
	return f()
}

// secureDir makes the folder, or checks that only its owner, us, can reach it.
func secureDir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is a %s; want a folder", dir, kind(info))
	}
	return private(dir, info, "make that 0700, or name a folder in it that is not there yet")
}

// secureFile checks what was really opened, so that nothing can be swapped
// between check and use.
func secureFile(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is a %s; want a file", f.Name(), kind(info))
	}
	return private(f.Name(), info, "make that 0600")
}

func kind(info fs.FileInfo) string {
	switch mode := info.Mode(); {
	case mode&fs.ModeSymlink != 0:
		return "symbolic link"
	case mode.IsDir():
		return "folder"
	case mode.IsRegular():
		return "file"
	default:
		return "special file"
	}
}
