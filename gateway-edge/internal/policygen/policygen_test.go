package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFresh holds the repository's generated files to its folders.
func TestFresh(t *testing.T) {
	if err := run([]string{"-check"}, io.Discard); err != nil {
		t.Fatal(err)
	}
}

// copyRepository makes a tree with one policy that generates.
func copyRepository(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, policies), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, root, "portal/docs/nav.json", `[{"title":"Start","pages":[{"path":"index.md","title":"Start"}]},{"title":"Policies","pages":[{"path":"x","title":"old"}]}]`)
	return root
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestNewPolicyAndCheck(t *testing.T) {
	t.Parallel()
	root := copyRepository(t)
	if err := run([]string{"-root", root, "-new", "geo_fence"}, io.Discard); err != nil {
		t.Fatal(err)
	}
	if err := run([]string{"-root", root, "-check"}, io.Discard); err != nil {
		t.Fatalf("right after generating: %v", err)
	}
	list, err := os.ReadFile(filepath.Join(root, policies, "builtin/list_gen.go"))
	if err != nil || !strings.Contains(string(list), "&geofence.Descriptor") {
		t.Fatalf("the list lacks the new policy: %s %v", list, err)
	}
	nav, _ := os.ReadFile(filepath.Join(root, "portal/docs/nav.json"))
	if !strings.Contains(string(nav), "policies/geo_fence.md") || strings.Contains(string(nav), "old") {
		t.Fatalf("nav.json: %s", nav)
	}

	// A changed README, a page of a policy that is gone: both are stale.
	readme := filepath.Join(root, policies, "geofence/README.md")
	text, _ := os.ReadFile(readme)
	write(t, root, policies+"/geofence/README.md", string(text)+"\nMore.\n")
	write(t, root, generatedFolder+"/gone.md", "# Gone\n")
	err = run([]string{"-root", root, "-check"}, io.Discard)
	for _, want := range []string{"make gen", "catalogue_gen.json", "geo_fence.md", "gone.md"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("check says %v, want %q inside", err, want)
		}
	}
	if err := run([]string{"-root", root}, io.Discard); err != nil {
		t.Fatal(err)
	}
	if err := run([]string{"-root", root, "-check"}, io.Discard); err != nil {
		t.Fatalf("after generating again: %v", err)
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "Geo", "geo-fence", "1geo", "geo__fence", "geo_", "../geo", strings.Repeat("x", 41)} {
		if _, err := writeSkeleton(copyRepository(t), name); err == nil {
			t.Errorf("the type %q is taken", name)
		}
	}
	root := copyRepository(t)
	if _, err := writeSkeleton(root, "geo_fence"); err != nil {
		t.Fatal(err)
	}
	if _, err := writeSkeleton(root, "geofence"); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("a folder that exists is overwritten: %v", err)
	}
	for name, fault := range map[string]struct{ file, text, want string }{
		"no readme":   {"README.md", "# Other title\n", "first line"},
		"wrong type":  {"schema.json", `{"title":"Geo fence","description":"x.","x-type":"other","x-phase":"guard"}`, "does not belong"},
		"wrong phase": {"schema.json", `{"title":"Geo fence","description":"x.","x-type":"geo_fence","x-phase":"soon"}`, "is no phase"},
		"bad json":    {"schema.json", `{`, "schema.json"},
		"bad ref":     {"schema.json", `{"title":"Geo fence","description":"x.","x-type":"geo_fence","x-phase":"guard","properties":{"a":{"$ref":"#/$defs/b"}}}`, "leads nowhere"},
	} {
		root := copyRepository(t)
		if _, err := writeSkeleton(root, "geo_fence"); err != nil {
			t.Fatal(err)
		}
		write(t, root, policies+"/geofence/"+fault.file, fault.text)
		if err := run([]string{"-root", root}, io.Discard); err == nil || !strings.Contains(err.Error(), fault.want) {
			t.Errorf("%s: error %v, want %q inside", name, err, fault.want)
		}
	}
}

// TestSkeletonPasses builds the skeleton of a new policy in a module of its own
// and runs its tests.
func TestSkeletonPasses(t *testing.T) {
	t.Parallel()
	edge, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if _, err := writeSkeleton(root, "geo_fence"); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root, policies)
	test := filepath.Join(dir, "geofence/policy_test.go")
	text, err := os.ReadFile(test)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "geofence/policy_test.go", strings.Replace(string(text), "github.com/tollgate/tollgate/gateway-edge/policy/geofence", "skeleton.test/geofence", 1))
	mod, err := os.ReadFile(filepath.Join(edge, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	_, requires, _ := strings.Cut(string(mod), "\n")
	requires = strings.ReplaceAll(requires, "=> ../", "=> "+filepath.Dir(edge)+"/")
	write(t, dir, "go.mod", "module skeleton.test\n"+requires+
		"\nrequire github.com/tollgate/tollgate/gateway-edge v0.0.0\n\nreplace github.com/tollgate/tollgate/gateway-edge => "+edge+"\n")
	sum, err := os.ReadFile(filepath.Join(edge, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "go.sum", string(sum))
	cmd := exec.CommandContext(t.Context(), "go", "test", "./...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
