package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tollgate/tollgate/services/contract/testport"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tollgate": main})
}

// TestScripts runs the command line as a person does, each script in an organization
// of its own at one Tollgate that `tollgate up` runs.
func TestScripts(t *testing.T) {
	t.Parallel()
	site := startSite(t)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "backend %s %s\n", r.Method, r.URL.Path)
	}))
	t.Cleanup(backend.Close)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/scripts", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("XDG_CONFIG_HOME", "")
			e.Setenv("BACKEND", backend.URL)
			e.Setenv("EDGE", site.edge)
			e.Setenv("PORTAL", site.portal)
			return site.signUp(e)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"rc": exitCode, "call": site.call, "set": setVariable, "pick": pick, "eventually": eventually, "stdintext": stdinText, "follows": site.follows,
		},
	})
}

// exitCode runs a command that has to end with a code: rc 4 tollgate routes get x.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: rc CODE COMMAND [ARGUMENT...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d:\n%s%s", got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// setVariable keeps what the last command printed, without a newline, in a variable.
func setVariable(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: set NAME")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

// pick keeps what an expression's group finds in a command's output in a variable.
func pick(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: pick EXPRESSION NAME COMMAND [ARGUMENT...]")
	}
	ts.Check(ts.Exec(args[2], args[3:]...))
	found := regexp.MustCompile(args[0]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) < 2 {
		ts.Fatalf("%s is not in:\n%s", args[0], ts.ReadFile("stdout"))
	}
	ts.Setenv(args[1], found[1])
}

// stdinText gives the next command a text as its input.
func stdinText(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs("stdin-text"), []byte(strings.Join(args, " ")+"\n"), 0o600))
}

// eventually repeats a command, ten seconds at most, until its output has a text.
func eventually(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: eventually TEXT COMMAND [ARGUMENT...]")
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		err := ts.Exec(args[1], args[2:]...)
		out := ts.ReadFile("stdout")
		if err == nil && strings.Contains(out, args[0]) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%q never came: %v\n%s%s", args[0], err, out, ts.ReadFile("stderr"))
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// site is a Tollgate that runs.
type site struct {
	portal, edge  string
	organizations atomic.Int64
}

// startSite runs `tollgate up` until the test ends.
func startSite(t *testing.T) *site {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	flags := []string{"--edge-addr", "--portal-addr", "--edge-tls-addr", "--edge-admin-addr", "--portal-admin-addr", "--worker-addr"}
	args := []string{"tollgate", "up", "--data-dir", t.TempDir()}
	var addrs []string
	for _, flag := range flags {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(testport.Free(t)))
		addrs, args = append(addrs, addr), append(args, flag, addr)
	}
	s := &site{edge: "http://" + addrs[0], portal: "http://" + addrs[1]}
	return s.start(t, self, args)
}

// start runs the command and waits until it is ready.
func (s *site) start(t *testing.T, self string, args []string) *site {
	var log bytes.Buffer
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, self)
	cmd.Args, cmd.Stdout, cmd.Stderr = args, &log, &log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	for _, line := range os.Environ() { // the settings of whoever runs the tests are not its own
		if !strings.HasPrefix(line, "TOLLGATE_") {
			cmd.Env = append(cmd.Env, line)
		}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cancel()
		<-ended
		if t.Failed() {
			t.Logf("tollgate up said:\n%s", log.String())
		}
	})
	for deadline := time.Now().Add(60 * time.Second); ; {
		res, err := http.Get(s.portal + "/readyz")
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return s
			}
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("tollgate up ended: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("tollgate up is not ready: %v", err)
		}
	}
}

// signUp makes an organization, and gives a script its token.
func (s *site) signUp(e *testscript.Env) error {
	n := s.organizations.Add(1)
	email, password := fmt.Sprintf("person%d@example.com", n), fmt.Sprintf("a long password %d", n)
	token, err := s.newOrganization(email, password, fmt.Sprintf("Org %d", n))
	if err != nil {
		return err
	}
	e.Setenv("TOLLGATE_API_URL", s.portal)
	e.Setenv("TOLLGATE_API_TOKEN", token)
	e.Setenv("EMAIL", email)
	e.Setenv("PASSWORD", password)
	// Gateways' host labels are everybody's: a script's have its own ending.
	e.Setenv("ORG", strconv.FormatInt(n, 10))
	return nil
}

// newOrganization signs up and returns the management token.
func (s *site) newOrganization(email, password, name string) (token string, err error) {
	in, err := json.Marshal(map[string]string{"email": email, "password": password, "organization": name})
	if err != nil {
		return "", err
	}
	res, err := http.Post(s.portal+"/v1/signup", "application/json", bytes.NewReader(in))
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var out struct{ Token string }
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil || out.Token == "" {
		return "", fmt.Errorf("sign up: status %d, %w", res.StatusCode, err)
	}
	return out.Token, nil
}

// call sends a request to a gateway through the edge, again for ten seconds until the
// answer's status is right: call 200 HOST /path ['Name: value'...].
func (s *site) call(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: call STATUS HOST /path ['Name: value'...]")
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		status, body, err := s.send(args[1], args[2], args[3:])
		ts.Check(err)
		if strconv.Itoa(status) == args[0] {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("the edge answers %d %s, want %s", status, body, args[0])
		}
	}
}

// follows runs a command that prints requests as they come, sends requests until it
// prints a text, ten seconds at most, and interrupts it: follows TEXT HOST /path COMMAND...
func (s *site) follows(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 4 {
		ts.Fatalf("usage: follows TEXT HOST /path COMMAND [ARGUMENT...]")
	}
	path, err := exec.LookPath(args[3])
	ts.Check(err)
	cmd := exec.Command(path, args[4:]...)
	for _, name := range []string{"PATH", "HOME", "TOLLGATE_API_URL", "TOLLGATE_API_TOKEN", "TOLLGATE_GATEWAY"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	found := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(out)
		seen := false
		for lines.Scan() {
			if !seen && strings.Contains(lines.Text(), args[0]) {
				seen = true
				found <- true
			}
		}
		close(found)
	}()
	ok := false
	for deadline := time.Now().Add(10 * time.Second); !ok && time.Now().Before(deadline); {
		_, _, err := s.send(args[1], args[2], nil)
		ts.Check(err)
		select {
		case ok = <-found:
		case <-time.After(100 * time.Millisecond):
		}
	}
	ts.Check(cmd.Process.Signal(os.Interrupt))
	for range found { // until its output ends
	}
	if err := cmd.Wait(); err != nil || !ok {
		ts.Fatalf("printed it: %v; ended: %v", ok, err)
	}
}

func (s *site) send(host, path string, headers []string) (status int, body []byte, err error) {
	r, err := http.NewRequest(http.MethodGet, s.edge+path, nil)
	if err != nil {
		return 0, nil, err
	}
	r.Host = host
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	return res.StatusCode, body, err
}

// TestEveryCommandHasAScript holds that no command of the user's is untried.
func TestEveryCommandHasAScript(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	files, err := filepath.Glob("testdata/scripts/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(raw)
	}
	for _, c := range userCommands() {
		if !strings.Contains(text.String(), c) {
			t.Errorf("no script runs `%s`", c)
		}
	}
	if !slices.Contains(userCommands(), "tollgate routes create") {
		t.Error("the list of commands is not right")
	}
}
