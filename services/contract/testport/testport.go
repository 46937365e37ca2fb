package testport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// The ports lie where no system gives any out by itself (Linux begins at 32768). Test
// programs run side by side, and a role binds its port a second after it was found: a
// program takes blocks of ports for itself, each by a lock on a file that ends with the
// program, and gives none of its ports twice.
const (
	firstPort  = 10000
	lastPort   = 32000
	portsBlock = 100
)

var ports struct {
	sync.Mutex
	next, end int
	held      []*os.File // never closed: the locks last as long as the program
}

// Free returns a port of 127.0.0.1 that no TCP listener holds and that this and other
// test programs of this user give to nobody else.
func Free(t testing.TB) int {
	t.Helper()
	return InARow(t, 1)
}

// InARow returns the first of n such ports, at most 100, that follow one another.
func InARow(t testing.TB, n int) int {
	t.Helper()
	first, err := Find(n)
	if err != nil {
		t.Fatal(err)
	}
	return first
}

// Find is InARow where there is no test.
func Find(n int) (int, error) {
	ports.Lock()
	defer ports.Unlock()
	for {
		for first := ports.next; first+n <= ports.end; first++ {
			taken := firstTaken(first, n)
			if taken < 0 {
				ports.next = first + n
				return first, nil
			}
			first = taken
		}
		if err := lockBlock(); err != nil {
			return 0, fmt.Errorf("find %d free ports: %w", n, err)
		}
	}
}

// firstTaken returns the first of n ports that somebody listens at, or -1.
func firstTaken(first, n int) int {
	for p := first; p < first+n; p++ {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p))
		if err != nil {
			return p
		}
		_ = l.Close()
	}
	return -1
}

// lockBlock takes the next block of ports that no other program holds.
func lockBlock() error {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("tollgate-ports.%d", os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	blocks := (lastPort - firstPort) / portsBlock
	for i, start := 0, rand.IntN(blocks); i < blocks; i++ {
		first := firstPort + (start+i)%blocks*portsBlock
		// #nosec G304 -- a name of our own making, in a folder of this user alone
		f, err := os.OpenFile(filepath.Join(dir, fmt.Sprint(first)), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			ports.held = append(ports.held, f)
			ports.next, ports.end = first, first+portsBlock
			return nil
		}
		_ = f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
	}
	return errors.New("other test programs hold all of them")
}
