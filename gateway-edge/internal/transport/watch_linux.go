package transport

import (
	"os"
	"sync"
	"sync/atomic"
	"syscall"
)

// watcher notices that a backend closed a connection, idle or not, without a
// system call per exchange: every socket stands once in an epoll set that reports
// only the peer's close (EPOLLRDHUP, edge-triggered; arriving data does not wake
// it). The set itself is watched by the runtime's poller, so that waiting takes a
// goroutine and no thread.
type watcher struct {
	fd   int
	file *os.File
	raw  syscall.RawConn
	next atomic.Uint64

	mu    sync.Mutex // guards conns
	conns map[uint64]*Conn
}

func newWatcher() (*watcher, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	w := &watcher{fd: fd, file: os.NewFile(uintptr(fd), "epoll"), conns: map[uint64]*Conn{}}
	w.raw, err = w.file.SyscallConn()
	return w, err
}

// epollET is EPOLLET as EpollEvent.Events has it.
const epollET = 1 << 31

// add watches a connection's socket.
func (w *watcher) add(c *Conn) {
	c.token = w.next.Add(1)
	w.mu.Lock()
	w.conns[c.token] = c
	w.mu.Unlock()
	ev := syscall.EpollEvent{Events: syscall.EPOLLRDHUP | epollET, Fd: int32(uint32(c.token)), Pad: int32(c.token >> 32)}
	// A socket that can't be watched is as good: the look before its reuse stays.
	_ = c.sock.Control(func(fd uintptr) { _ = syscall.EpollCtl(w.fd, syscall.EPOLL_CTL_ADD, int(fd), &ev) })
}

// remove forgets a connection; closing its socket takes it out of the set.
func (w *watcher) remove(c *Conn) {
	w.mu.Lock()
	delete(w.conns, c.token)
	w.mu.Unlock()
}

// run calls broken for each connection that its peer closed, until stop.
func (w *watcher) run(broken func(*Conn)) {
	events := make([]syscall.EpollEvent, 64)
	var dead []*Conn
	for {
		n := 0
		err := w.raw.Read(func(fd uintptr) bool {
			var err error
			if n, err = syscall.EpollWait(int(fd), events, 0); err == syscall.EINTR {
				n = 0
			}
			return n != 0
		})
		if err != nil || n < 0 {
			return
		}
		dead = dead[:0]
		w.mu.Lock()
		for _, e := range events[:n] {
			if c := w.conns[uint64(uint32(e.Fd))|uint64(uint32(e.Pad))<<32]; c != nil {
				dead = append(dead, c)
			}
		}
		w.mu.Unlock()
		for _, c := range dead {
			broken(c)
		}
	}
}

// stop ends run.
func (w *watcher) stop() { _ = w.file.Close() }
