package lambdaruntime

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// runtime is the Runtime API with the one process that takes events from it.
type runtime struct {
	*httptest.Server
	t      testing.TB
	cfg    Config
	turn   chan struct{} // who may invoke: one at a time, as one instance of a function does
	work   chan *invocation
	quit   chan struct{}
	starts atomic.Int32
	handed atomic.Int32

	mu  sync.Mutex
	now *invocation // guarded by mu: handed out and not ended
	cmd *exec.Cmd   // guarded by mu
}

// invocation is one event on its way.
type invocation struct {
	id    string
	event []byte
	piece func(contentType string, piece []byte) error // nil: the answer is read whole
	done  chan result                                  // holds one
}

func newRuntime(t testing.TB, c Config) *runtime {
	r := &runtime{t: t, cfg: c, turn: make(chan struct{}, 1), work: make(chan *invocation), quit: make(chan struct{})}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.keep()
	}()
	t.Cleanup(func() {
		close(r.quit)
		r.kill()
		<-ended
		r.CloseClientConnections()
		r.Close()
	})
	return r
}

// keep runs the function's process, again and again.
func (r *runtime) keep() {
	for {
		select {
		case <-r.quit:
			return
		default:
		}
		cmd := exec.Command(r.cfg.Program)
		cmd.Env = []string{
			"PATH=" + os.Getenv("PATH"), "AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(r.URL, "http://"),
			"AWS_LAMBDA_FUNCTION_NAME=" + r.cfg.Function, "AWS_REGION=" + r.cfg.Region, "_HANDLER=bootstrap",
		}
		r.mu.Lock()
		r.cmd = cmd
		err := cmd.Start()
		r.mu.Unlock()
		if err != nil {
			r.t.Errorf("the function: %v", err)
			return
		}
		r.starts.Add(1)
		err = cmd.Wait()
		why := "exit status 0"
		if err != nil {
			why = err.Error()
		}
		r.end(errored("Unhandled", "Runtime.ExitError", "Error: Runtime exited with error: "+why))
	}
}

func (r *runtime) kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cmd != nil && r.cmd.Process != nil {
		_ = r.cmd.Process.Kill()
	}
}

// end ends the invocation that is handed out, if there is one.
func (r *runtime) end(with result) {
	r.mu.Lock()
	now := r.now
	r.now = nil
	r.mu.Unlock()
	if now != nil {
		now.done <- with
	}
}

// invoke hands an event to the function and waits for the end.
func (r *runtime) invoke(event []byte, piece func(string, []byte) error) result {
	select {
	case r.turn <- struct{}{}:
	case <-r.quit:
		return errored("Unhandled", "Runtime.Gone", "the test has ended")
	}
	defer func() { <-r.turn }()
	limit := time.NewTimer(r.cfg.TimeLimit)
	defer limit.Stop()
	one := &invocation{id: fmt.Sprintf("8476a536-e9f4-11e8-9739-%012d", r.handed.Add(1)), event: event, piece: piece, done: make(chan result, 1)}
	select {
	case r.work <- one:
	case <-r.quit:
		return errored("Unhandled", "Runtime.Gone", "the test has ended")
	case <-limit.C:
		return errored("Unhandled", "Runtime.Unavailable", "the function does not ask for events")
	}
	select {
	case got := <-one.done:
		return got
	case <-limit.C:
		r.end(errored("Unhandled", "Sandbox.Timedout", fmt.Sprintf("Error: Task timed out after %.2f seconds", r.cfg.TimeLimit.Seconds())))
		r.kill()
	case <-r.quit:
		r.end(errored("Unhandled", "Runtime.Gone", "the test has ended"))
	}
	return <-one.done
}

func (r *runtime) serve(w http.ResponseWriter, q *http.Request) {
	const root = "/2018-06-01/runtime/"
	switch path := strings.TrimPrefix(q.URL.Path, root); {
	case path == "invocation/next" && q.Method == http.MethodGet:
		r.next(w, q)
	case path == "init/error":
		_, _ = io.Copy(io.Discard, q.Body)
		w.WriteHeader(202)
	case strings.HasSuffix(path, "/response") && q.Method == http.MethodPost:
		r.respond(w, q, strings.TrimSuffix(strings.TrimPrefix(path, "invocation/"), "/response"))
	case strings.HasSuffix(path, "/error") && q.Method == http.MethodPost:
		b, _ := io.ReadAll(q.Body)
		r.end(result{b, "Unhandled"})
		w.WriteHeader(202)
	default:
		http.Error(w, "no such resource", 404)
	}
}

func (r *runtime) next(w http.ResponseWriter, q *http.Request) {
	var one *invocation
	select {
	case one = <-r.work:
	case <-q.Context().Done():
		return
	case <-r.quit:
		return
	}
	r.mu.Lock()
	r.now = one
	r.mu.Unlock()
	h := w.Header()
	h.Set("Lambda-Runtime-Aws-Request-Id", one.id)
	h.Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(r.cfg.TimeLimit).UnixMilli()))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:"+r.cfg.Region+":123456789012:function:"+r.cfg.Function)
	h.Set("Content-Type", "application/json")
	_, _ = w.Write(one.event)
}

// respond takes a function's answer: whole, or in pieces for a stream.
func (r *runtime) respond(w http.ResponseWriter, q *http.Request, id string) {
	r.mu.Lock()
	one := r.now
	r.mu.Unlock()
	if one == nil || one.id != id {
		http.Error(w, "no such invocation", http.StatusForbidden)
		return
	}
	out := result{}
	buf := make([]byte, 8<<10)
	for {
		n, err := q.Body.Read(buf)
		if n > 0 && one.piece != nil {
			if perr := one.piece(q.Header.Get("Content-Type"), buf[:n]); perr != nil {
				err = perr
			}
		} else {
			out.body = append(out.body, buf[:n]...)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			r.end(errored("Unhandled", "Runtime.TruncatedResponse", err.Error()))
			http.Error(w, "truncated", 400)
			return
		}
	}
	if kind := q.Trailer.Get("Lambda-Runtime-Function-Error-Type"); kind != "" {
		out = errored("Unhandled", kind, "the stream ended with an error")
	}
	r.end(out)
	w.WriteHeader(202)
}
