package handover

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Offer is what a predecessor gives.
type Offer struct {
	Sockets []Socket
	Lock    *os.File // of the data directory; it stays the predecessor's too
}

// Config says how a predecessor hands over. Its functions are called one after the
// other.
type Config struct {
	Dir string // the data directory
	Me  Facts
	// Offer is asked when a successor comes; an error, which it is told, refuses.
	Offer func() (Offer, error)
	// Pause is called when the successor is ready: from now on it alone speaks to
	// the control plane, and makes itself the one that is started next. Resume takes
	// both back when it failed.
	Pause, Resume func()
	// Failed is told why a successor that had come did not take over.
	Failed func(error)
	Logger *slog.Logger
}

// Server waits for a successor.
type Server struct {
	cfg  Config
	ln   *net.UnixListener
	done chan struct{} // closed when Run has ended
	// taken says, once done, that a successor has taken over.
	taken bool

	mu      sync.Mutex // guards what follows
	talk    func()     // ends the conversation under way; nil: there is none
	going   bool       // its successor may be told to go
	stopped bool
}

// Listen opens the socket in the data directory, in the place of one that an edge
// before left.
func Listen(cfg Config) (*Server, error) {
	if err := os.Remove(filepath.Join(cfg.Dir, SocketFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open the hand-over socket: %w", err)
	}
	s := &Server{cfg: cfg, done: make(chan struct{})}
	err := withPath(cfg.Dir, func(path string) (err error) {
		s.ln, err = net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err == nil {
			s.ln.SetUnlinkOnClose(false) // a successor's may stand there by then
			err = os.Chmod(path, 0o600)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open the hand-over socket: %w", err)
	}
	return s, nil
}

// ErrStopped is what Run returns after Stop, unless a successor has taken over.
var ErrStopped = errors.New("hand-over: the running edge ends")

// Stop ends Run, for an edge that is to end without a successor: it will refuse
// connections at sockets that a successor has too. Where one may have been told to go
// already, Stop waits for what becomes of that. It reports whether a successor has
// taken over. Run must have been called.
func (s *Server) Stop() (taken bool) {
	s.mu.Lock()
	s.stopped = true
	if s.talk != nil && !s.going {
		s.talk()
	}
	s.mu.Unlock()
	_ = s.ln.Close()
	<-s.done
	return s.taken
}

// begin notes a conversation; false: there must be none.
func (s *Server) begin(end func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.talk, s.going = end, false
	return !s.stopped
}

// mayGo says whether the successor may be told to go. From then on Stop waits for it.
func (s *Server) mayGo() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.going = !s.stopped
	return s.going
}

func (s *Server) ends() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopped
}

// Run serves successors, one at a time, until one has taken over (nil), Stop is
// called (ErrStopped), or ctx ends (its error).
func (s *Server) Run(ctx context.Context) error {
	defer close(s.done)
	defer s.ln.Close()
	defer context.AfterFunc(ctx, func() { _ = s.ln.Close() })()
	for {
		c, err := s.ln.AcceptUnix()
		if ctx.Err() != nil {
			if err == nil {
				_ = c.Close()
			}
			return ctx.Err()
		}
		if err != nil && s.ends() {
			return ErrStopped
		}
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("hand-over: %w", err)
		}
		if err != nil { // no files are left, for one: requests must not suffer for that
			s.cfg.Logger.Warn("a successor can't be let in; it is tried again", "error", err)
			pause(ctx)
			continue
		}
		if s.taken = s.serve(ctx, newWire(c)); s.taken {
			return nil
		}
	}
}

// pause is between two tries to let a successor in.
func pause(ctx context.Context) {
	t := time.NewTimer(time.Second)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// serve speaks with one successor; true: it has taken over.
func (s *Server) serve(ctx context.Context, w *wire) (taken bool) {
	var once sync.Once
	end := func() { once.Do(w.close) }
	defer end()
	defer context.AfterFunc(ctx, end)()
	err := ErrStopped
	if s.begin(end) {
		err = s.converse(w)
	}
	closeAll(w.files)
	if err != nil {
		s.cfg.Logger.Error("a successor did not take over; this edge goes on", "error", err)
		s.cfg.Failed(err)
	}
	return err == nil
}

func (s *Server) converse(w *wire) error {
	w.within(helloTime)
	m, files, err := w.receive()
	closeAll(files)
	if err != nil {
		return err
	}
	refuse := func(why error) error {
		_ = w.send(&message{Refused: why.Error()})
		return why
	}
	if m.Hello == nil || m.Hello.Format != Format {
		return refuse(fmt.Errorf("this edge (version %s) hands over in format %d only: stop it, then start the new one", s.cfg.Me.Version, Format))
	}
	offer, err := s.cfg.Offer()
	if err != nil {
		return refuse(err)
	}
	s.cfg.Logger.Info("a successor asks to take over", "version", m.Hello.Version, "pid", m.Hello.PID)
	if err := s.give(w, offer); err != nil {
		return err
	}
	w.within(prepareTime)
	if m, files, err = w.receive(); err == nil && !m.Ready {
		err = fmt.Errorf("hand-over: the successor is not ready: %s", or(m.Failed, "it does not say why"))
	}
	closeAll(files)
	if err != nil {
		return err
	}
	if !s.mayGo() {
		return refuse(ErrStopped)
	}
	s.cfg.Pause()
	w.within(goTime)
	if err = w.send(&message{Go: true}); err == nil {
		if m, files, err = w.receive(); err == nil && !m.Serving {
			err = fmt.Errorf("hand-over: the successor does not serve: %s", or(m.Failed, "it does not say why"))
		}
		closeAll(files)
	}
	if err != nil {
		s.cfg.Resume()
	}
	return err
}

// give sends the sockets, some at a time.
func (s *Server) give(w *wire, offer Offer) error {
	me := s.cfg.Me
	me.Format = Format
	if err := w.send(&message{Welcome: &me}); err != nil {
		return err
	}
	all := append([]Socket{{Name: lockName, Conn: offer.Lock}}, offer.Sockets...)
	for len(all) > 0 {
		n := min(len(all), maxFiles)
		if err := s.giveSome(w, all[:n], n == len(all)); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

func (s *Server) giveSome(w *wire, some []Socket, last bool) error {
	m := message{Done: last}
	var files []*os.File
	defer func() { closeAll(files) }()
	var fds []int
	for i := range some {
		fd, err := some[i].dup()
		if err != nil {
			return fmt.Errorf("hand-over: %s: %w", some[i].Name, err)
		}
		files = append(files, os.NewFile(uintptr(fd), some[i].Name))
		fds = append(fds, fd)
		m.Sockets = append(m.Sockets, some[i].Name)
	}
	return w.send(&m, fds...)
}
