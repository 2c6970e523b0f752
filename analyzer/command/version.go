package command

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/resilgo/resil/analyzer/internal/config"
	"github.com/resilgo/resil/analyzer/internal/driver"
)

// printVersion answers -V=full. The go command takes the last field as the
// identity of the tool, and analyzes again what another one has analyzed. So it
// must change with the program and with the configuration that it will find in
// the module, which go vet knows nothing of.
func (c *command) printVersion() error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	h := sha256.New()
	for _, name := range []string{program, config.Find(c.dir)} {
		if name == "" {
			continue
		}
		if err := hashFile(h, name); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(c.stdout, "resilvet version devel buildID=%x\n", h.Sum(nil))
	return err
}

// resultCache returns where results are kept between runs: RESILVET_CACHE, or
// resilvet in the user's folder for caches; "off" keeps none.
func resultCache(conf config.Config) driver.Cache {
	dir := os.Getenv("RESILVET_CACHE")
	if dir == "off" {
		return driver.Cache{}
	}
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return driver.Cache{}
		}
		dir = filepath.Join(user, "resilvet")
	}
	program, err := os.Executable()
	if err != nil {
		return driver.Cache{}
	}
	info, err := os.Stat(program)
	if err != nil {
		return driver.Cache{}
	}
	return driver.Cache{
		Dir:  dir,
		Salt: fmt.Sprintf("%s %d %d %+v", program, info.Size(), info.ModTime().UnixNano(), conf),
	}
}

func hashFile(h io.Writer, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // opened for reading
	_, err = io.Copy(h, f)
	return err
}
