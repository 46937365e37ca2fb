package handover

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Format is the version of the messages; a successor of another one is refused.
const Format = 1

// Facts say who speaks.
type Facts struct {
	Format  int    `json:"format"`
	Edge    string `json:"edge"`
	Epoch   uint64 `json:"epoch"`
	Version string `json:"version"` // of the program
	PID     int    `json:"pid"`
}

// message is one message. Exactly one part is set.
type message struct {
	Hello   *Facts   `json:"hello,omitempty"`   // successor: I want to take over
	Refused string   `json:"refused,omitempty"` // predecessor: why not
	Welcome *Facts   `json:"welcome,omitempty"` // predecessor: the sockets follow
	Sockets []string `json:"sockets,omitempty"` // names of those beside this message
	Done    bool     `json:"done,omitempty"`    // no more sockets
	Ready   bool     `json:"ready,omitempty"`   // successor: I could serve
	Go      bool     `json:"go,omitempty"`      // predecessor: then do
	Serving bool     `json:"serving,omitempty"` // successor: I accept
	Failed  string   `json:"failed,omitempty"`  // successor: why it does not
}

const (
	maxMessage = 64 << 10
	maxFiles   = 100 // beside one message; the kernel takes 253
)

// wire is one side of a conversation.
type wire struct {
	c     *net.UnixConn
	buf   []byte
	oob   []byte
	files []*os.File // came, and were not given out yet
}

func newWire(c *net.UnixConn) *wire {
	return &wire{c: c, oob: make([]byte, unix.CmsgSpace(4*maxFiles))}
}

func (w *wire) within(d time.Duration) { _ = w.c.SetDeadline(time.Now().Add(d)) }

func (w *wire) close() { _ = w.c.Close() }

// drop closes the conversation and what came unasked for.
func (w *wire) drop() {
	w.close()
	closeAll(w.files)
	w.files = nil
}

// send sends a message and open files beside it.
func (w *wire) send(m *message, fds ...int) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	b = append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	n, _, err := w.c.WriteMsgUnix(b, oob, nil)
	if err == nil && n < len(b) {
		_, err = w.c.Write(b[n:])
	}
	if err != nil {
		return fmt.Errorf("hand-over: %w", err)
	}
	return nil
}

// receive reads one message and the files beside it, which are the caller's. Files
// of the next message may come with it.
func (w *wire) receive() (m message, files []*os.File, err error) {
	if err = w.read(&m); err == nil && len(m.Sockets) > len(w.files) {
		err = fmt.Errorf("%d sockets came of %d: is the limit of open files reached?", len(w.files), len(m.Sockets))
	}
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the other edge has ended the conversation")
		}
		return m, nil, fmt.Errorf("hand-over: %w", err)
	}
	files, w.files = w.files[:len(m.Sockets)], w.files[len(m.Sockets):]
	return m, files, nil
}

// read reads one message; files go to w.files.
func (w *wire) read(m *message) error {
	for {
		if len(w.buf) >= 4 {
			n := int(binary.BigEndian.Uint32(w.buf))
			if n > maxMessage {
				return fmt.Errorf("a message of %d bytes", n)
			}
			if len(w.buf) >= 4+n {
				err := json.Unmarshal(w.buf[4:4+n], m)
				w.buf = append([]byte(nil), w.buf[4+n:]...)
				return err
			}
		}
		piece := make([]byte, 4096)
		n, oobn, _, _, err := w.c.ReadMsgUnix(piece, w.oob)
		got, perr := parseFiles(w.oob[:oobn])
		w.files = append(w.files, got...)
		if err = errors.Join(err, perr); err != nil {
			return err
		}
		if n == 0 && oobn == 0 {
			return io.EOF
		}
		w.buf = append(w.buf, piece[:n]...)
	}
}

func parseFiles(oob []byte) (files []*os.File, err error) {
	if len(oob) == 0 {
		return nil, nil
	}
	list, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	for i := range list {
		fds, err := unix.ParseUnixRights(&list[i])
		if err != nil {
			return files, err
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "handed over"))
		}
	}
	return files, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// SocketFile is the name of the predecessor's socket in the data directory.
const SocketFile = "handover.sock"

// maxPath is how long a socket's path may be everywhere.
const maxPath = 100

// withPath calls f with a path of the socket that is short enough for the kernel.
func withPath(dir string, f func(path string) error) error {
	path := filepath.Join(dir, SocketFile)
	if len(path) <= maxPath {
		return f(path)
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return f("/proc/self/fd/" + strconv.Itoa(int(d.Fd())) + "/" + SocketFile)
}
