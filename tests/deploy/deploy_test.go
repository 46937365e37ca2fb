package deploy

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/tollgate/tollgate/tests/harness"
	"gopkg.in/yaml.v3"
)

const infra = "../../infra"

type service struct {
	Image       string            `yaml:"image"`
	Build       map[string]string `yaml:"build"`
	ReadOnly    bool              `yaml:"read_only"`
	User        string            `yaml:"user"`
	CapDrop     []string          `yaml:"cap_drop"`
	Command     []string          `yaml:"command"`
	Environment map[string]string `yaml:"environment"`
	Volumes     []string          `yaml:"volumes"`
	Networks    []string          `yaml:"networks"`
	Ports       []string          `yaml:"ports"`
	DependsOn   any               `yaml:"depends_on"`
}

type compose struct {
	Services map[string]service `yaml:"services"`
	Volumes  map[string]any     `yaml:"volumes"`
	Networks map[string]any     `yaml:"networks"`
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(infra, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func parse(t *testing.T) compose {
	t.Helper()
	var c compose
	if err := yaml.Unmarshal([]byte(read(t, "compose.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestCompose checks that the compose file names what exists.
func TestCompose(t *testing.T) {
	t.Parallel()
	c := parse(t)
	for _, want := range []string{"redis", "postgres", "portal", "worker", "edge-a", "edge-b", "nginx", "migrate"} {
		if _, ok := c.Services[want]; !ok {
			t.Errorf("no service %s", want)
		}
	}
	targets := regexp.MustCompile(`(?m)^FROM \S+ AS (\S+)$`).FindAllStringSubmatch(read(t, "docker/Dockerfile"), -1)
	for name, s := range c.Services {
		if s.Build != nil {
			if !slices.ContainsFunc(targets, func(m []string) bool { return m[1] == s.Build["target"] }) {
				t.Errorf("%s: no target %q in the Dockerfile", name, s.Build["target"])
			}
			if _, err := os.Stat(filepath.Join(infra, s.Build["context"], s.Build["dockerfile"])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if !s.ReadOnly || s.User != "65532:65532" || !slices.Contains(s.CapDrop, "ALL") {
				t.Errorf("%s: read-only %v, user %q, dropped capabilities %v", name, s.ReadOnly, s.User, s.CapDrop)
			}
		}
		for _, v := range s.Volumes {
			src, _, _ := strings.Cut(v, ":")
			if strings.HasPrefix(src, ".") {
				if _, err := os.Stat(filepath.Join(infra, src)); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			} else if _, ok := c.Volumes[src]; !ok {
				t.Errorf("%s: volume %q is not declared", name, src)
			}
		}
		for _, n := range s.Networks {
			if _, ok := c.Networks[n]; !ok {
				t.Errorf("%s: network %q is not declared", name, n)
			}
		}
	}
}

// TestPortalKnowsItsEdges: test requests and developer portals go to an address
// inside, and what people are shown is the one outside.
func TestPortalKnowsItsEdges(t *testing.T) {
	t.Parallel()
	c := parse(t)
	env := c.Services["portal"].Environment
	inside, err := url.Parse(env["TOLLGATE_EDGE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Services[inside.Hostname()]; !ok || inside.Port() == "" {
		t.Errorf("TOLLGATE_EDGE_URL is %q: no service of that name with a port", inside)
	}
	if !strings.Contains(read(t, "docker/nginx.conf"), "listen "+inside.Port()) {
		t.Errorf("nginx does not listen on the port of %s", inside)
	}
	if !slices.Contains(c.Services[inside.Hostname()].Ports, inside.Port()+":"+inside.Port()) {
		t.Errorf("%s publishes %v", inside.Hostname(), c.Services[inside.Hostname()].Ports)
	}
	if outside := env["TOLLGATE_EDGE_PUBLIC_URL"]; !strings.Contains(outside, "TOLLGATE_EDGE_DOMAIN") || !strings.Contains(outside, ":"+inside.Port()) {
		t.Errorf("TOLLGATE_EDGE_PUBLIC_URL is %q: want the edge domain and the published port", outside)
	}
}

// TestDockerfileBuildsWhatIsThere checks that each package it builds exists.
func TestDockerfileBuildsWhatIsThere(t *testing.T) {
	t.Parallel()
	text := read(t, "docker/Dockerfile")
	pairs := regexp.MustCompile(`(\S+):(\./\S+?)[; ]`).FindAllStringSubmatch(text, -1)
	if len(pairs) != 4 {
		t.Fatalf("%d binaries are built, want 4", len(pairs))
	}
	for _, p := range pairs {
		if m, _ := filepath.Glob(filepath.Join("../..", p[2], "*.go")); len(m) == 0 {
			t.Errorf("%s: no package at %s", p[1], p[2])
		}
		if !strings.Contains(text, "/out/"+p[1]+" /"+p[1]) {
			t.Errorf("%s is built and not copied into an image", p[1])
		}
	}
}

// TestNginxAcceptsItsConfiguration lets nginx itself parse the file, with the
// edges' names replaced by addresses since none resolves here.
func TestNginxAcceptsItsConfiguration(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("nginx")
	if err != nil {
		path = "/usr/sbin/nginx"
	}
	text := strings.NewReplacer("edge-a:8000", "127.0.0.1:8000", "edge-b:8000", "127.0.0.2:8000", "/tmp/", t.TempDir()+"/").Replace(read(t, "docker/nginx.conf"))
	file := filepath.Join(t.TempDir(), "nginx.conf")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(path, "-t", "-c", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestRolesRunAsTheImagesUser runs each role with the compose file's environment,
// as the images' user where the test may change users, in a directory that it
// can't write. A wrong or unknown setting would end it with a message about it;
// what it must complain of is only the database or Redis that is not there.
func TestRolesRunAsTheImagesUser(t *testing.T) {
	t.Parallel()
	c := parse(t)
	dir, err := harness.TempDir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	edgeSecret := runOnce(t, dir, "tollgate", []string{"secrets", "edge"}, map[string]string{"TOLLGATE_SECRET_KEY": testKey})
	if edgeSecret.code != 0 || !strings.HasPrefix(edgeSecret.out, "tge1_") {
		t.Fatalf("secrets edge: %+v", edgeSecret)
	}
	for name, role := range map[string]string{"portal": "portal", "worker": "worker", "edge-a": "gateway-edge"} {
		env := map[string]string{}
		for k, v := range c.Services[name].Environment {
			env[k] = expand(v)
		}
		if _, ok := env["TOLLGATE_EDGE_SECRET"]; ok {
			env["TOLLGATE_EDGE_SECRET"] = strings.TrimSpace(edgeSecret.out)
			env["TOLLGATE_DATA_DIR"] = filepath.Join(dir, "missing") // the image's volume is not here
		}
		r := runOnce(t, dir, role, []string{"--help"}, env)
		if r.code != 0 || !strings.Contains(r.out, "--") {
			t.Errorf("%s --help as user 65532: %+v", role, r)
		}
	}
}

const testKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

// expand gives compose's ${NAME:-default} and ${NAME:?message} their values.
func expand(v string) string {
	return regexp.MustCompile(`\$\{(\w+):([-?])([^}]*)\}`).ReplaceAllStringFunc(v, func(m string) string {
		p := regexp.MustCompile(`\$\{(\w+):([-?])([^}]*)\}`).FindStringSubmatch(m)
		if p[1] == "TOLLGATE_SECRET_KEY" {
			return testKey
		}
		if p[2] == "-" {
			return p[3]
		}
		return ""
	})
}

type ran struct {
	code int
	out  string
}

func runOnce(t *testing.T, dir, bin string, args []string, env map[string]string) ran {
	t.Helper()
	src := harness.Bin(t, bin)
	b, err := os.ReadFile(src)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, bin) // where any user can reach it
	if _, err := os.Stat(path); err != nil {
		if err := os.WriteFile(path, b, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	for k, v := range env {
		cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%s", k, v))
	}
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatalf("%s: %v", bin, err)
	}
	return ran{cmd.ProcessState.ExitCode(), string(out)}
}
