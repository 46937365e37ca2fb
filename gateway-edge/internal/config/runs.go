package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// While an edge hands over, two processes use one data directory. Each has what it
// writes for itself: counters and leases under its epoch, and a directory of its
// own for configuration and keys. Each holds a lock under its epoch for as long as
// it runs, so that nobody takes what it counts for a dead run's.

const (
	configDir = "config"
	runsDir   = "running"
)

// configName is what a directory of a configuration may be called.
var configName = regexp.MustCompile(`^config(\.[0-9]{1,20})?$`)

// lockRun makes the lock of a run. It is renamed into place locked: nobody ever
// sees it free.
func lockRun(dir string, epoch uint64) (*os.File, error) {
	path := runFile(dir, epoch)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the runs' directory: %w", err)
	}
	f, err := lockFile(path + ".new")
	if err != nil {
		return nil, fmt.Errorf("lock this run: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return nil, errors.Join(fmt.Errorf("lock this run: %w", err), f.Close())
	}
	return f, nil
}

func runFile(dir string, epoch uint64) string {
	return filepath.Join(dir, runsDir, strconv.FormatUint(epoch, 10))
}

// Others returns the epochs of other processes that run on the data directory: the
// predecessor that drains, and the successor that begins. Locks of dead runs are
// removed.
func (id *Identity) Others() (epochs []uint64) {
	runs := filepath.Join(id.dir, runsDir)
	list, err := os.ReadDir(runs)
	if err != nil {
		return nil
	}
	for _, entry := range list {
		epoch, err := strconv.ParseUint(entry.Name(), 10, 64)
		if err != nil || epoch == id.Epoch {
			continue
		}
		path := runFile(id.dir, epoch)
		f, err := lockFile(path)
		if err != nil {
			epochs = append(epochs, epoch)
			continue
		}
		_ = os.Remove(path)
		_ = f.Close()
	}
	return epochs
}

// Lock is the data directory's lock, to be shared with a successor.
func (id *Identity) Lock() *os.File { return id.lock }

// Alone reports whether no other process runs on the data directory: what former
// runs left is this one's then.
func (id *Identity) Alone() bool { return len(id.Others()) == 0 }

// copyConfig gives a successor a directory of its own with what its predecessor has
// at this moment. The log comes first: whatever else is copied is as new as the
// position in it, or newer, and what is newer is told again. All of it may be torn
// as after a crash, which its readers know how to mend.
func (id *Identity) copyConfig() error {
	from := id.Config
	to := filepath.Join(id.dir, configDir+"."+strconv.FormatUint(id.Epoch, 10))
	if err := os.Mkdir(to, 0o700); err != nil {
		return fmt.Errorf("copy the predecessor's configuration: %w", err)
	}
	id.branch, id.Config = to, to
	for _, name := range []string{"config.log", "keys.tgk", "revoked.tgr"} {
		if err := copyFile(filepath.Join(from, name), filepath.Join(to, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("copy the predecessor's configuration: %w", err)
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in) // the kernel shares the blocks where the file system can
	return errors.Join(err, out.Sync(), out.Close())
}

// Settle makes this run the one that the next start goes on from: a successor calls
// it when it takes over.
func (id *Identity) Settle() error {
	st := state{Format: stateFormat, Edge: id.Edge, Epoch: id.Epoch, Config: filepath.Base(id.Config)}
	if err := writeDurably(filepath.Join(id.dir, stateFile), st); err != nil {
		return err
	}
	id.branch = ""
	return nil
}

// Reclaim makes this run the one that the next start goes on from again, where a
// successor settled and did not take over then. The successor's epoch stays used.
func (id *Identity) Reclaim() error {
	path := filepath.Join(id.dir, stateFile)
	st, err := readState(path)
	if err != nil {
		return err
	}
	mine := filepath.Base(id.Config)
	if st.Config == mine {
		return nil
	}
	st.Config = mine
	return writeDurably(path, st)
}

// tidy removes configurations that are no run's: call it when alone.
func (id *Identity) tidy() {
	list, err := os.ReadDir(id.dir)
	if err != nil {
		return
	}
	for _, entry := range list {
		path := filepath.Join(id.dir, entry.Name())
		if entry.IsDir() && configName.MatchString(entry.Name()) && path != filepath.Clean(id.Config) {
			_ = os.RemoveAll(path)
		}
	}
	runs, err := os.ReadDir(filepath.Join(id.dir, runsDir))
	if err != nil {
		return
	}
	for _, entry := range runs {
		if strings.HasSuffix(entry.Name(), ".new") {
			_ = os.Remove(filepath.Join(id.dir, runsDir, entry.Name()))
		}
	}
}

// Tidy removes what predecessors left, once they have ended. It reports whether
// they have.
func (id *Identity) Tidy() bool {
	if !id.Alone() {
		return false
	}
	id.tidy()
	return true
}
