//go:build !linux

package transport

// watcher does nothing where there is no epoll: a connection is looked at before
// it is used again, and a failed reuse is tried on a new one.
type watcher struct{ done chan struct{} }

func newWatcher() (*watcher, error) { return &watcher{done: make(chan struct{})}, nil }

func (w *watcher) add(*Conn)       {}
func (w *watcher) remove(*Conn)    {}
func (w *watcher) run(func(*Conn)) { <-w.done }
func (w *watcher) stop()           { close(w.done) }
