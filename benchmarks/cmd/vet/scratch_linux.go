package main

import (
	"os"
	"syscall"
)

// scratch returns where to write everything: a file system in memory, if there
// is one with room for a build cache and nothing else is asked for. go vet
// writes some two thousand small files for the module, and on a disk from which
// many have been deleted of late that alone may take two CPU seconds (ext4 passes
// over inodes that were freed a moment ago), which says nothing of analyzers.
func scratch() string {
	const memory, room = "/dev/shm", 4 << 30
	var fs syscall.Statfs_t
	if os.Getenv("TMPDIR") != "" || syscall.Statfs(memory, &fs) != nil || fs.Bavail*uint64(fs.Bsize) < room { //nolint:gosec // a size of blocks
		return os.TempDir()
	}
	return memory
}
