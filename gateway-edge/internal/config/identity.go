package config

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/contract/failpoint"
)

// Identity is who this run of an edge is.
type Identity struct {
	Edge string // stable name
	// Epoch rises with every start on this data directory. A new directory begins
	// at the Unix time in seconds, so that an edge that lost its disk does not
	// use an epoch again.
	Epoch       uint64
	Incarnation [16]byte // random, of this start
	Boot        [16]byte // of the machine; zero where it is not known
	// Config is the directory of this run's configuration and keys, inside the data
	// directory. A successor has a copy of its predecessor's.
	Config string

	dir     string
	lock    *os.File // of the data directory; a successor's is its predecessor's too
	running *os.File // of this run
	branch  string   // directory made by a successor that has not taken over yet
}

// state is the file that an edge's identity is kept in.
type state struct {
	Format int    `json:"format"`
	Edge   string `json:"edge"`
	Epoch  uint64 `json:"epoch"`
	Config string `json:"config,omitempty"` // directory of the configuration; "" is configDir
}

const (
	stateFile   = "edge.json"
	stateFormat = 1
)

var edgeName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// Claim locks the data directory, made if need be, and raises the epoch durably.
// want is TOLLGATE_EDGE_ID, "" to keep the name found there or make one. lock is
// the directory's lock that a predecessor shares, nil where there is none; then
// the configuration is copied, and Settle makes the copy the one to start from.
func Claim(dir, want string, lock *os.File) (*Identity, error) {
	if want != "" && !edgeName.MatchString(want) {
		return nil, fmt.Errorf("edge id %.70q: want 1 to 64 letters, digits, dots, dashes or underscores", want)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	id := &Identity{dir: dir, lock: lock, Boot: bootID()}
	if lock == nil {
		var err error
		if id.lock, err = lockFile(filepath.Join(dir, "edge.lock")); err != nil {
			return nil, fmt.Errorf("the data directory %s is in use by another edge: %w", dir, err)
		}
	}
	if err := id.begin(want, lock != nil); err != nil {
		return nil, errors.Join(err, id.Release())
	}
	return id, nil
}

func (id *Identity) begin(want string, successor bool) error {
	if err := id.raise(id.dir, want); err != nil {
		return err
	}
	if _, err := rand.Read(id.Incarnation[:]); err != nil {
		return fmt.Errorf("read random: %w", err)
	}
	var err error
	if id.running, err = lockRun(id.dir, id.Epoch); err != nil {
		return err
	}
	if successor {
		return id.copyConfig()
	}
	id.tidy()
	return nil
}

// Release gives the data directory up. What a successor copied that never took over
// is removed.
func (id *Identity) Release() error {
	if id.branch != "" {
		_ = os.RemoveAll(id.branch)
	}
	err := id.lock.Close()
	if id.running != nil {
		err = errors.Join(err, os.Remove(runFile(id.dir, id.Epoch)), id.running.Close())
	}
	return err
}

// raise reads the state and writes it back with the next epoch.
func (id *Identity) raise(dir, want string) error {
	path := filepath.Join(dir, stateFile)
	st, err := readState(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if want != "" && st.Edge != "" && st.Edge != want {
		return fmt.Errorf("the data directory %s belongs to edge %q, not %q: give each edge a directory of its own", dir, st.Edge, want)
	}
	if st.Edge == "" {
		if st.Edge = want; want == "" {
			if st.Edge, err = newName(); err != nil {
				return err
			}
		}
		st.Epoch = uint64(time.Now().Unix())
	}
	if st.Config == "" {
		st.Config = configDir
	}
	if !configName.MatchString(st.Config) {
		return fmt.Errorf("%s is damaged: %q is no directory of a configuration", path, st.Config)
	}
	st.Format, st.Epoch = stateFormat, st.Epoch+1
	if err := writeDurably(path, st); err != nil {
		return err
	}
	id.Edge, id.Epoch, id.Config = st.Edge, st.Epoch, filepath.Join(dir, st.Config)
	return nil
}

// readState reads the file; an error that is fs.ErrNotExist says that there is none.
func readState(path string) (st state, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return st, fmt.Errorf("read edge state: %w", err)
	}
	if json.Unmarshal(b, &st) != nil || st.Format != stateFormat || !edgeName.MatchString(st.Edge) {
		return st, fmt.Errorf("%s is damaged: restore it, or remove it to begin as a new edge (usage that was not sent yet stays with the old one)", path)
	}
	return st, nil
}

func newName() (string, error) {
	var b [10]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("read random: %w", err)
	}
	return "edge-" + strings.ToLower(base32.HexEncoding.EncodeToString(b[:])), nil
}

// writeDurably replaces a file so that a crash leaves the old one or the new one.
func writeDurably(path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write edge state: %w", err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write edge state: %w", err)
	}
	failpoint.Hit(failpoint.EdgeEpochBump)
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("write edge state: %w", err)
	}
	failpoint.Hit(failpoint.EdgeEpochBump)
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("sync data directory: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// bootID identifies the machine's present boot, where the system tells.
func bootID() (out [16]byte) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return out
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(string(b)), "-", ""))
	if err == nil {
		copy(out[:], raw)
	}
	return out
}
