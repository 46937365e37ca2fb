package desired_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/infra/tollgate/cli/desired"
	"github.com/tollgate/tollgate/infra/tollgate/cli/fault"
)

// write makes a file and the folders that it stands in.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, at string) {
	t.Helper()
	if err := os.Symlink(to, at); err != nil {
		t.Fatal(err)
	}
}

// TestReadMountedConfigMap holds that a folder whose files are all links, as Kubernetes
// mounts them, is read whole: with --prune a file that is missed is deleted.
func TestReadMountedConfigMap(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mount := filepath.Join(dir, "mount")
	write(t, filepath.Join(mount, "..2026_01_02", "shop.yaml"), "gateway: shop\nlog_sample: 0.5\n")
	write(t, filepath.Join(mount, "..2026_01_02", "notes.txt"), "not: [read")
	link(t, "..2026_01_02", filepath.Join(mount, "..data"))
	link(t, "..data/shop.yaml", filepath.Join(mount, "shop.yaml"))
	link(t, "..data/notes.txt", filepath.Join(mount, "notes.txt"))
	link(t, "mount", filepath.Join(dir, "config"))
	for _, folder := range []string{mount, filepath.Join(dir, "config")} {
		got, err := desired.Read([]string{folder}, nil, desired.Target{})
		if err != nil || len(got) != 1 || string(got[0].Config()) != `{"log_sample":0.5}` {
			t.Fatalf("%s: %v, %v", folder, got, err)
		}
		if place := got[0].Place("/log_sample"); place != filepath.Join(folder, "shop.yaml")+":2" {
			t.Errorf("it stands at %s", place)
		}
	}
}

func TestReadRefusesLinks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ to, want string }{
		"dead.yaml": {"nowhere.yaml", "leads nowhere"},
		"more":      {"folder", "link to a folder"},
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "shop.yaml"), "gateway: shop\n")
		write(t, filepath.Join(dir, "folder", "a.yaml"), "gateway: shop\n")
		link(t, c.to, filepath.Join(dir, name))
		_, err := desired.Read([]string{dir}, nil, desired.Target{})
		if code, _ := fault.Of(err); code != fault.Usage || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestReadFor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		to   desired.Target
		want string // the gateway; empty: refused
		code fault.Code
	}{
		"named":          {"gateway: a", desired.Target{Default: "b"}, "a", fault.OK},
		"named the same": {"gateway: a", desired.Target{Name: "a", Default: "b"}, "a", fault.OK},
		"another":        {"gateway: a", desired.Target{Name: "b"}, "", fault.Usage},
		"said":           {"routes: []", desired.Target{Name: "b", Default: "c"}, "b", fault.OK},
		"default":        {"routes: []", desired.Target{Default: "c"}, "c", fault.OK},
		"nobody":         {"routes: []", desired.Target{}, "", fault.Invalid},
		"no mode":        {"gateway: a\nmode: tset", desired.Target{}, "", fault.Invalid},
		"two modes":      {"gateway: a\nmode: test\n---\ngateway: a\nmode: live", desired.Target{}, "", fault.Invalid},
		"a consumer":     {"gateway: a\nconsumers: [{usage_plan: x}]", desired.Target{}, "", fault.Invalid},
	} {
		got, err := desired.Read([]string{"-"}, strings.NewReader(c.text), c.to)
		if code, _ := fault.Of(err); code != c.code || err == nil && got[0].Name != c.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestReadConsumers(t *testing.T) {
	t.Parallel()
	text := "gateway: a\nmode: test\nusage_plans: [{name: gold}]\nconsumers:\n  - name: bob\n---\ngateway: a\nconsumers:\n  - {name: eve, usage_plan: gold}\n"
	got, err := desired.Read([]string{"-"}, strings.NewReader(text), desired.Target{})
	if err != nil || len(got) != 1 || len(got[0].Consumers) != 2 {
		t.Fatalf("%v, %v", got, err)
	}
	g := got[0]
	if plans := g.UsagePlans(); len(plans) != 1 || plans[0] != "gold" {
		t.Errorf("usage plans %v", plans)
	}
	if string(g.Config()) != `{"usage_plans":[{"name":"gold"}]}` {
		t.Errorf("configuration %s", g.Config())
	}
	for pointer, want := range map[string]string{"/consumers/1/usage_plan": "standard input:9", "/consumers/0": "standard input:5", "/mode": "standard input:2"} {
		if place := g.Place(pointer); place != want {
			t.Errorf("%s stands at %s, want %s", pointer, place, want)
		}
	}
	_, err = desired.Read([]string{"-"}, strings.NewReader(text+"  - name: bob\n"), desired.Target{})
	if err == nil || !strings.Contains(err.Error(), `consumer "bob" stands already at standard input:5`) {
		t.Errorf("one that is named twice: %v", err)
	}
}
