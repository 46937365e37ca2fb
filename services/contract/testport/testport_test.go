package testport_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/services/contract/testport"
)

// TestPortsAreGivenOnce: three programs at once ask for 400 ports each, and none gets
// one that another has, or that it had before. Two roles of one cluster once got the
// same port, and one of them ended.
func TestPortsAreGivenOnce(t *testing.T) {
	const each = 400
	if os.Getenv("TOLLGATE_PORTS") != "" {
		printPorts(t, each)
		return
	}
	var others [2]*exec.Cmd
	var printed [len(others)]strings.Builder
	var goOn [len(others)]interface{ Close() error }
	for i := range others {
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPortsAreGivenOnce$")
		c.Env = append(os.Environ(), "TOLLGATE_PORTS=1")
		c.Stdout, c.Stderr = &printed[i], os.Stderr
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		others[i], goOn[i] = c, in
	}
	seen := map[string]bool{}
	for range each {
		once(t, seen, fmt.Sprint(testport.Free(t)))
	}
	row := testport.InARow(t, 8)
	for p := row; p < row+8; p++ {
		once(t, seen, fmt.Sprint(p))
	}
	for i, c := range others {
		_ = goOn[i].Close()
		if err := c.Wait(); err != nil {
			t.Fatal(err, printed[i].String())
		}
		for line := range strings.Lines(printed[i].String()) {
			if p, ok := strings.CutPrefix(strings.TrimSpace(line), "port "); ok {
				once(t, seen, p)
			}
		}
	}
	if want := 3*each + 8; len(seen) != want {
		t.Errorf("%d ports, want %d", len(seen), want)
	}
}

// printPorts prints its ports and lives, as a program that uses them would, until the
// first program has all of its own.
func printPorts(t *testing.T, n int) {
	for range n {
		fmt.Println("port", testport.Free(t))
	}
	_, _ = os.Stdin.Read(make([]byte, 1))
}

func once(t *testing.T, seen map[string]bool, port string) {
	t.Helper()
	if seen[port] {
		t.Errorf("port %s was given twice", port)
	}
	seen[port] = true
}
