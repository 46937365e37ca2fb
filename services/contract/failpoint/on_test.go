//go:build chaos

package failpoint

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain is, in a child, a process that comes by every point twice.
func TestMain(m *testing.M) {
	if os.Getenv("FAILPOINT_CHILD") == "" {
		os.Exit(m.Run())
	}
	for range 2 {
		for _, p := range Points {
			Hit(p)
		}
	}
}

func TestActions(t *testing.T) {
	for _, x := range []struct {
		fp, says string
		code     int
		signal   syscall.Signal
	}{
		{fp: ""},
		{fp: "worker.after_read:kill:2", signal: syscall.SIGKILL, says: "failpoint worker.after_read: kill at hit 2"},
		{fp: "worker.after_read:kill:3"},
		{fp: "config.apply_mid:exit:1", code: 3, says: "exit at hit 1"},
		{fp: "edge.in_policy:panic:1", code: 2, says: "panic: failpoint edge.in_policy"},
		{fp: "lkg.after_tmp:sleep=1:1,lkg.after_rename:exit:2", code: 3, says: "sleep at hit 1"},
		{fp: "edge.no_such:kill:1", code: 2, says: `there is no point "edge.no_such"`},
		{fp: "edge.seal:explode:1", code: 2, says: "the action"},
		{fp: "edge.seal:sleep=soon:1", code: 2, says: "want milliseconds"},
		{fp: "edge.seal:kill:0", code: 2, says: "a number from 1"},
		{fp: "edge.seal:kill", code: 2, says: "want point:action:hit"},
	} {
		t.Run(x.fp, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "FAILPOINT_CHILD=1", "FP="+x.fp)
			out, _ := cmd.CombinedOutput()
			status := cmd.ProcessState.Sys().(syscall.WaitStatus)
			if status.Signaled() && status.Signal() != x.signal || !status.Signaled() && (x.signal != 0 || status.ExitStatus() != x.code) || !strings.Contains(string(out), x.says) {
				t.Errorf("%v, %s", cmd.ProcessState, out)
			}
		})
	}
}

func TestAhead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ahead")
	readAhead(file)
	if err := os.WriteFile(file, []byte("36h\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	readAhead(file)
	if Ahead() != 36*time.Hour {
		t.Errorf("ahead by %v", Ahead())
	}
	skew.Store(0)
}
