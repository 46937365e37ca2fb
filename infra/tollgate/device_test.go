package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// shownCode is the code that a sign-in prints.
var shownCode = regexp.MustCompile(`allow the code ([A-Z-]+),`)

// printed is what a command prints, while it runs too.
type printed struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write takes what is printed.
func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.Write(b)
}

func (p *printed) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.String()
}

// device runs a sign-in and decides on it as the script's person does in a browser,
// or interrupts it; its output is kept in the file device-output:
// device allow|deny|interrupt CODE COMMAND [ARGUMENT...].
func (s *site) device(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: device allow|deny|interrupt CODE COMMAND [ARGUMENT...]")
	}
	path, err := exec.LookPath(args[2])
	ts.Check(err)
	var out printed
	cmd := exec.Command(path, args[3:]...)
	cmd.Stdout, cmd.Stderr = &out, &out
	for _, name := range []string{"PATH", "HOME"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	ts.Check(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stop := time.AfterFunc(40*time.Second, func() { _ = cmd.Process.Kill() })
	defer stop.Stop()
	var found []string
	for deadline := time.Now().Add(10 * time.Second); found == nil; time.Sleep(20 * time.Millisecond) {
		if found = shownCode.FindStringSubmatch(out.text()); found == nil && time.Now().After(deadline) {
			_ = cmd.Process.Kill()
			ts.Fatalf("no code was shown: %s", out.text())
		}
	}
	if args[0] == "interrupt" {
		err = cmd.Process.Signal(os.Interrupt)
	} else {
		err = s.decide(ts.Getenv("EMAIL"), ts.Getenv("PASSWORD"), found[1], args[0])
	}
	if err != nil {
		_ = cmd.Process.Kill()
		ts.Fatalf("%s: %v", args[0], err)
	}
	<-ended
	ts.Check(os.WriteFile(ts.MkAbs("device-output"), []byte(out.text()), 0o600))
	if got := fmt.Sprint(cmd.ProcessState.ExitCode()); got != args[1] {
		ts.Fatalf("exit code %s, want %s:\n%s", got, args[1], out.text())
	}
}

// decide signs in and decides on the sign-in under a code.
func (s *site) decide(email, password, code, decision string) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	browser := &http.Client{Jar: jar, Timeout: 10 * time.Second}
	for _, call := range []struct {
		path string
		body map[string]string
	}{
		{"/v1/login", map[string]string{"email": email, "password": password}},
		{"/v1/login/device/" + code, map[string]string{"decision": decision}},
	} {
		in, err := json.Marshal(call.body)
		if err != nil {
			return err
		}
		r, err := http.NewRequest(http.MethodPost, s.portal+call.path, bytes.NewReader(in))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Origin", s.portal)
		res, err := browser.Do(r)
		if err != nil {
			return err
		}
		_ = res.Body.Close()
		if res.StatusCode >= 400 {
			return fmt.Errorf("%s answers %d", call.path, res.StatusCode)
		}
	}
	return nil
}

// TestDeviceLogin signs the command line in as a person does who has a browser.
func TestDeviceLogin(t *testing.T) {
	t.Parallel()
	site := startSite(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/device", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("XDG_CONFIG_HOME", "")
			e.Setenv("PORTAL", site.portal)
			err := site.signUp(e)
			e.Setenv("TOLLGATE_API_URL", "")
			e.Setenv("TOLLGATE_API_TOKEN", "")
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"rc": exitCode, "device": site.device},
	})
}
