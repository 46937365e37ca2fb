package arch

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestNothingBuiltIsTracked: a program that somebody added by mistake stays in every
// clone for ever.
func TestNothingBuiltIsTracked(t *testing.T) {
	t.Parallel()
	top := root(t)
	cmd := exec.Command("git", "ls-files", "-z")
	cmd.Dir = top
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the test reads Git's list of files, and needs Git and a clone: %v", err)
	}
	files := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	if len(files) < 1000 {
		t.Fatalf("only %d files are tracked", len(files))
	}
	const most = 4 << 20 // the API's generated client has half of it
	for _, f := range files {
		if info, err := os.Lstat(filepath.Join(top, f)); err == nil && info.Size() > most {
			t.Errorf("%s has %d MiB: what is built is not tracked", f, info.Size()>>20)
		}
	}
}

// TestDecisionsHaveNumbers: a decision's number is its name.
func TestDecisionsHaveNumbers(t *testing.T) {
	t.Parallel()
	all, err := filepath.Glob(filepath.Join(root(t), "infra", "adr", "[0-9]*.md"))
	if err != nil || len(all) < 100 {
		t.Fatal(len(all), err)
	}
	seen := map[string]string{}
	for _, f := range all {
		name := filepath.Base(f)
		number, _, _ := strings.Cut(name, "-")
		if other := seen[number]; other != "" {
			t.Errorf("%s and %s have one number", other, name)
		}
		seen[number] = name
		if b, err := os.ReadFile(f); err != nil || !strings.HasPrefix(string(b), "# "+number) {
			t.Errorf("%s begins with %.40q, %v", name, b, err)
		}
	}
}
