package terraform

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// folder is a folder with a configuration, and what terraform needs to run in it.
type folder struct {
	t   *testing.T
	dir string
	env []string
	cpu time.Duration // that terraform and the provider have used
}

const (
	mirrored = "registry.terraform.io/tollgate/tollgate/0.0.1"
	plugin   = "terraform-provider-tollgate"
)

// newFolder makes a folder whose provider talks to a portal as a token's owner.
func newFolder(t *testing.T, api *harness.API) *folder {
	t.Helper()
	if _, err := exec.LookPath("terraform"); err != nil {
		t.Fatal("terraform is not in the PATH: install it (1.11 or newer) to test the provider")
	}
	root := t.TempDir()
	mirror := filepath.Join(root, "mirror", mirrored, runtime.GOOS+"_"+runtime.GOARCH)
	f := &folder{t: t, dir: filepath.Join(root, "work")}
	f.must(os.MkdirAll(mirror, 0o755))
	f.must(os.MkdirAll(f.dir, 0o755))
	f.must(os.Symlink(harness.Bin(t, plugin), filepath.Join(mirror, plugin+"_v0.0.1")))
	rc := filepath.Join(root, "rc")
	f.must(os.WriteFile(rc, []byte(`provider_installation {
  filesystem_mirror {
    path = "`+filepath.Join(root, "mirror")+`"
  }
}
`), 0o600))
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "TF_") && !strings.HasPrefix(v, "TOLLGATE_") {
			f.env = append(f.env, v)
		}
	}
	f.env = append(f.env, "TF_CLI_CONFIG_FILE="+rc, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1",
		"TOLLGATE_API_URL="+api.URL, "TOLLGATE_API_TOKEN="+api.Token)
	return f
}

func (f *folder) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// write writes a file of the configuration.
func (f *folder) write(name, text string) {
	f.t.Helper()
	f.must(os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600))
}

// main writes main.tf: the provider and what is given.
func (f *folder) main(text string) {
	f.t.Helper()
	f.write("main.tf", `terraform {
  required_providers {
    tollgate = {
      source = "tollgate/tollgate"
    }
  }
}
`+text)
}

// run runs terraform and returns what it said and its exit code.
func (f *folder) run(args ...string) (string, int) {
	f.t.Helper()
	cmd := exec.CommandContext(f.t.Context(), "terraform", args...)
	cmd.Dir, cmd.Env = f.dir, f.env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if err != nil && cmd.ProcessState == nil {
		f.t.Fatal(err)
	}
	f.cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return out.String(), cmd.ProcessState.ExitCode()
}

// ok runs terraform and fails the test where it does.
func (f *folder) ok(args ...string) string {
	f.t.Helper()
	out, code := f.run(args...)
	if code != 0 {
		f.t.Fatalf("terraform %s ends with %d:\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

func (f *folder) init() { f.t.Helper(); f.ok("init", "-no-color", "-input=false") }

func (f *folder) apply(args ...string) string {
	f.t.Helper()
	return f.ok(append([]string{"apply", "-no-color", "-input=false", "-auto-approve"}, args...)...)
}

// noChanges fails the test where a plan would change anything.
func (f *folder) noChanges(args ...string) {
	f.t.Helper()
	out, code := f.run(append([]string{"plan", "-no-color", "-input=false", "-detailed-exitcode"}, args...)...)
	if code != 0 {
		f.t.Fatalf("the plan is not empty (%d):\n%s", code, out)
	}
}

// forget drops the state, as if the configuration were new.
func (f *folder) forget() {
	f.t.Helper()
	for _, name := range []string{"terraform.tfstate", "terraform.tfstate.backup"} {
		if err := os.Remove(filepath.Join(f.dir, name)); err != nil && !os.IsNotExist(err) {
			f.t.Fatal(err)
		}
	}
}
