package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is a child process that can be killed, stopped and started again.
type Process struct {
	Name string
	Path string
	Args []string
	Env  []string
	Dir  string
	Cred *syscall.Credential
	// Output is where the process writes; nil: what it prints is kept for Log. A
	// process whose children outlive it needs one.
	Output *os.File

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{}
	err  error
	log  *tail
}

// Start starts the process.
func (p *Process) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.log == nil {
		p.log = &tail{}
	}
	cmd := exec.Command(p.Path, p.Args...)
	cmd.Env, cmd.Dir = p.Env, p.Dir
	if cmd.Stdout, cmd.Stderr = p.log, p.log; p.Output != nil {
		cmd.Stdout, cmd.Stderr = p.Output, p.Output
	}
	// The child dies with the test even when the test is killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: p.Cred}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	done := make(chan struct{})
	p.cmd, p.done = cmd, done
	go func() {
		err := cmd.Wait()
		p.mu.Lock()
		p.err = err
		p.mu.Unlock()
		close(done)
	}()
	return nil
}

// Signal sends a signal to the process.
func (p *Process) Signal(s syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil || p.cmd.Process == nil {
		return errors.New(p.Name + " was never started")
	}
	return p.cmd.Process.Signal(s)
}

// Kill ends the process by SIGKILL and waits for its end.
func (p *Process) Kill() {
	p.mu.Lock()
	cmd, done := p.cmd, p.done
	p.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Kill()
	<-done
}

// Stop ends the process by SIGTERM; after the time it is killed, which is an error.
func (p *Process) Stop(wait time.Duration) error {
	p.mu.Lock()
	cmd, done := p.cmd, p.done
	p.mu.Unlock()
	if cmd == nil {
		return nil
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-done:
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.err
	case <-time.After(wait):
		p.Kill()
		return fmt.Errorf("%s did not end within %v of SIGTERM", p.Name, wait)
	}
}

// Ended waits for the process's end and returns how it ended, nil for exit code 0.
func (p *Process) Ended(wait time.Duration) error {
	select {
	case <-p.Exited():
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.err
	case <-time.After(wait):
		return fmt.Errorf("%s has not ended after %v", p.Name, wait)
	}
}

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

// PID is the process's id.
func (p *Process) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd.Process.Pid
}

// Log returns the last of what the process printed.
func (p *Process) Log() string {
	if p.Output != nil {
		b, _ := os.ReadFile(p.Output.Name())
		return string(b)
	}
	return p.log.String()
}

// Forget drops what Log has kept.
func (p *Process) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = &tail{}
}

// tail keeps the last 256 KiB written to it.
type tail struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b.Write(p)
	if n := t.b.Len() - 256<<10; n > 0 {
		t.b.Next(n)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

// Until calls ok every few milliseconds until it returns nil; after the time its
// last error is returned.
func Until(ctx context.Context, limit time.Duration, ok func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := ok()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %v: %w", limit, err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// cleanEnv is the environment of children: what programs need, and nothing of
// Tollgate's or of a proxy.
func cleanEnv(extra ...string) []string {
	env := []string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin", "HOME=" + os.Getenv("HOME"), "LANG=C.UTF-8", "TZ=UTC"}
	return append(env, extra...)
}

// RSS is the process's resident memory in bytes.
func (p *Process) RSS(t testing.TB) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.PID()))
	must(t, err)
	pages, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	must(t, err)
	return pages * int64(os.Getpagesize())
}

// CPU is the processor time that the process has used.
func (p *Process) CPU(t testing.TB) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID()))
	must(t, err)
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	user, err := strconv.ParseInt(fields[11], 10, 64)
	must(t, err)
	system, err := strconv.ParseInt(fields[12], 10, 64)
	must(t, err)
	return time.Duration(user+system) * 10 * time.Millisecond // 100 ticks a second
}
