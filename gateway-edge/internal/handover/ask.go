package handover

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// How long each step of a hand-over may take.
const (
	helloTime   = 10 * time.Second
	prepareTime = 2 * time.Minute // the successor loads, catches up and says ready
	goTime      = 10 * time.Second
)

// lockName is the data directory's lock among the sockets.
const lockName = "lock"

// Request is a successor's side of a hand-over.
type Request struct {
	w           *wire
	Predecessor Facts
	Sockets     *Sockets
	Lock        *os.File // of the data directory, shared with the predecessor
}

// Ask asks the edge that runs on dir to hand over. It returns nil without an error
// if there is none.
func Ask(ctx context.Context, dir string, me Facts) (*Request, error) {
	var c net.Conn
	err := withPath(dir, func(path string) (err error) {
		c, err = (&net.Dialer{Timeout: helloTime}).DialContext(ctx, "unix", path)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("hand-over: reach the running edge: %w", err)
	}
	r := &Request{w: newWire(c.(*net.UnixConn)), Sockets: &Sockets{files: map[string]*os.File{}}}
	if err := r.begin(me); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

func (r *Request) begin(me Facts) error {
	r.w.within(helloTime)
	me.Format = Format
	if err := r.w.send(&message{Hello: &me}); err != nil {
		return err
	}
	m, files, err := r.w.receive()
	if err != nil {
		return err
	}
	closeAll(files)
	if m.Welcome == nil {
		return fmt.Errorf("hand-over: the running edge refuses: %s", or(m.Refused, "it says nothing that this program understands"))
	}
	r.Predecessor = *m.Welcome
	for {
		m, files, err := r.w.receive()
		if err != nil {
			return err
		}
		for i, name := range m.Sockets {
			if name == lockName {
				r.Lock = files[i]
			} else {
				r.Sockets.files[name] = files[i]
			}
		}
		if m.Done {
			break
		}
	}
	if r.Lock == nil {
		return errors.New("hand-over: the running edge did not give its data directory's lock")
	}
	r.w.within(prepareTime)
	return nil
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// Ready says that this edge could serve, and returns when it may: when the
// predecessor has fallen silent.
func (r *Request) Ready() error {
	r.w.within(goTime)
	if err := r.w.send(&message{Ready: true}); err != nil {
		return err
	}
	m, files, err := r.w.receive()
	closeAll(files)
	if err != nil {
		return err
	}
	if !m.Go {
		return fmt.Errorf("hand-over: the running edge keeps its sockets: %s", or(m.Refused, "it says nothing that this program understands"))
	}
	return nil
}

// Serving says that this edge accepts. After an error the predecessor goes on.
func (r *Request) Serving() error { return r.w.send(&message{Serving: true}) }

// GiveUp tells the predecessor why this edge does not take over.
func (r *Request) GiveUp(why error) { _ = r.w.send(&message{Failed: why.Error()}) }

// Close ends the conversation and closes what nobody took. Where the hand-over was
// not complete, the predecessor goes on.
func (r *Request) Close() {
	r.w.drop()
	r.Sockets.Close()
	if r.Lock != nil {
		_ = r.Lock.Close()
	}
}
