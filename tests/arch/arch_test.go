package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/tollgate/tollgate/"

type pkg struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Dir        string
}

// root is the project's top folder.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.work")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// packages lists every package of the workspace with its direct imports.
func packages(t *testing.T) []pkg {
	t.Helper()
	var out []pkg
	mods, err := filepath.Glob(filepath.Join(root(t), "*", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	deeper, err := filepath.Glob(filepath.Join(root(t), "*", "*", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range append(mods, deeper...) {
		cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,Dir", "./...")
		cmd.Dir = filepath.Dir(m)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		b, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list in %s: %v\n%s", cmd.Dir, err, stderr.String())
		}
		dec := json.NewDecoder(bytes.NewReader(b))
		for {
			var p pkg
			if err := dec.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			out = append(out, p)
		}
	}
	if len(out) < 20 {
		t.Fatalf("only %d packages found", len(out))
	}
	return out
}

// short is the path inside the project, "std:x" or "lib:x".
func short(path string) string {
	if s, ok := strings.CutPrefix(path, module); ok {
		return s
	}
	if first, _, _ := strings.Cut(path, "/"); !strings.Contains(first, ".") {
		return "std:" + path
	}
	return "lib:" + path
}

func matches(pattern, path string) bool {
	switch {
	case pattern == "std":
		return strings.HasPrefix(path, "std:")
	case strings.HasPrefix(pattern, "lib:"):
		return strings.HasPrefix(path, pattern)
	case strings.HasSuffix(pattern, "/..."):
		p := strings.TrimSuffix(pattern, "/...")
		return path == p || strings.HasPrefix(path, p+"/")
	case strings.HasSuffix(pattern, "/*"):
		rest, ok := strings.CutPrefix(path, strings.TrimSuffix(pattern, "*"))
		return ok && rest != "" && !strings.Contains(rest, "/")
	}
	return path == pattern
}

func matchesAny(patterns []string, path string) bool {
	for _, p := range patterns {
		if matches(p, path) {
			return true
		}
	}
	return false
}

func TestImports(t *testing.T) {
	t.Parallel()
	all := packages(t)
	for _, r := range rules {
		seen := false
		for _, p := range all {
			from := short(p.ImportPath)
			if !matches(r.room, from) || matchesAny(r.except, from) {
				continue
			}
			seen = true
			for _, imp := range p.Imports {
				to := short(imp)
				if bad := len(r.may) > 0 && !matchesAny(r.may, to) || matchesAny(r.never, to); bad {
					t.Errorf("%s imports %s: %s", from, to, r.why)
				}
			}
		}
		if !seen {
			t.Errorf("rule for %s matches no package: the room moved, move its rule too", r.room)
		}
	}
}

// TestMatches pins the patterns' meaning, so that a rule can't silently match nothing.
func TestMatches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		{"std", "std:net/http", true},
		{"std", "lib:gorm.io/gorm", false},
		{"lib:gorm.io/", "lib:gorm.io/gorm", true},
		{"a/...", "a", true},
		{"a/...", "a/b/c", true},
		{"a/...", "ab", false},
		{"a/*", "a/b", true},
		{"a/*", "a", false},
		{"a/*", "a/b/c", false},
		{"a", "a/b", false},
	} {
		if got := matches(c.pattern, c.path); got != c.want {
			t.Errorf("matches(%q, %q) = %v", c.pattern, c.path, got)
		}
	}
}

// TestEngineHooks keeps policy folders from the engines' side of the SDK.
func TestEngineHooks(t *testing.T) {
	t.Parallel()
	dirs, err := filepath.Glob(filepath.Join(root(t), "gateway-edge", "policy", "*", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	looked := 0
	for _, f := range dirs {
		if strings.Contains(f, "policytest") || strings.HasSuffix(f, "_test.go") {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		looked++
		if bytes.Contains(b, []byte("policy.Engine")) {
			t.Errorf("%s uses an engine hook of package policy", f)
		}
	}
	if looked == 0 {
		t.Fatal("no policy folder found")
	}
}

// TestEveryPackageSaysWhatItIsFor checks that each package has a doc.go with a
// package comment of a few lines.
func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if strings.HasSuffix(p.ImportPath, "/gen") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(p.Dir, "doc.go"))
		if err != nil {
			if main, _ := filepath.Glob(filepath.Join(p.Dir, "main.go")); len(main) == 1 {
				if b, err = os.ReadFile(main[0]); err == nil && bytes.HasPrefix(b, []byte("// Command ")) {
					continue
				}
			}
			t.Errorf("%s has no doc.go", short(p.ImportPath))
			continue
		}
		if !bytes.Contains(b, []byte("// Package ")) && !bytes.HasPrefix(b, []byte("// Command ")) {
			t.Errorf("%s: doc.go has no package comment", short(p.ImportPath))
		}
	}
}
