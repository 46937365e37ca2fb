//go:build unix

package edge

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/tollgate/tollgate/services/contract/settings"
)

// Successor is this program's own command line, for Config.Successor. The program
// is looked up now and by the name it was called by: what a link leads to when the
// signal comes is what is started.
func Successor() []string {
	path, err := exec.LookPath(os.Args[0])
	if err != nil {
		return nil
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil
	}
	return append([]string{path}, os.Args[1:]...)
}

// upgradeSignals takes SIGUSR2 from now on.
func upgradeSignals() chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR2)
	return c
}

// startSuccessors starts one at each signal.
func (e *Edge) startSuccessors(ctx context.Context, signals chan os.Signal) error {
	defer signal.Stop(signals)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-signals:
			if err := e.startSuccessor(); err != nil {
				e.failed.Add(1)
				e.cfg.Logger.Error("no successor was started; this edge goes on", "error", err)
			}
		}
	}
}

// startSuccessor starts the program anew. What it says goes where this process's
// words go.
func (e *Edge) startSuccessor() error {
	if os.Getpid() == 1 {
		return fmt.Errorf("this is process 1 of a container, which ends with it: start another container and stop this one instead")
	}
	if e.draining.Load() {
		return fmt.Errorf("it drains")
	}
	cmd := exec.Command(e.cfg.Successor[0], e.cfg.Successor[1:]...)
	cmd.Env = append(os.Environ(), "TOLLGATE_"+settings.TakeOver+"=true")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	e.cfg.Logger.Info("successor started", "program", e.cfg.Successor[0], "pid", cmd.Process.Pid)
	go func() {
		// One that took over outlives this process, which then never gets here.
		if err := cmd.Wait(); !e.handed.Load() {
			e.failed.Add(1)
			e.cfg.Logger.Error("the successor ended before it took over; this edge goes on", "error", err)
		}
	}()
	return nil
}
