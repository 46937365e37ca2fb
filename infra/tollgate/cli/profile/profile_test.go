package profile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/infra/tollgate/cli/profile"
)

func TestFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a", "config.yaml")
	f, err := profile.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	f.Set("work", profile.Profile{URL: "https://a", Token: "tgm_a", Gateway: "shop"})
	f.Current = "work"
	if err := f.Write(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	if f, err = profile.Read(path); err != nil || f.Profiles["work"].Gateway != "shop" {
		t.Fatalf("%+v, %v", f, err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err = profile.Read(path); err == nil || !strings.Contains(err.Error(), "others may read") {
		t.Errorf("a file that all may read: %v", err)
	}
}

func TestReadRefusesAndTellsNoToken(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"unknown field": "profiles: {a: {url: x, tokne: tgm_secret}}",
		"wrong type":    "profiles: tgm_secret",
		"no yaml":       "a: [tgm_secret",
	} {
		path := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := profile.Read(path); err == nil || strings.Contains(err.Error(), "tgm_secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	var f profile.File
	f.Set("default", profile.Profile{URL: "https://a", Token: "tgm_a", Gateway: "g"})
	f.Set("other", profile.Profile{URL: "https://b/", Token: "tgm_b"})
	for name, c := range map[string]struct {
		in   profile.Chosen
		want profile.Profile
		bad  bool
	}{
		"the current one":         {profile.Chosen{}, profile.Profile{URL: "https://a", Token: "tgm_a", Gateway: "g"}, false},
		"another":                 {profile.Chosen{Profile: "other"}, profile.Profile{URL: "https://b/", Token: "tgm_b"}, false},
		"none of that name":       {profile.Chosen{Profile: "x"}, profile.Profile{}, true},
		"a new one":               {profile.Chosen{Profile: "x", URL: "https://c"}, profile.Profile{URL: "https://c"}, false},
		"another portal":          {profile.Chosen{URL: "https://c"}, profile.Profile{URL: "https://c"}, false},
		"the same, said again":    {profile.Chosen{Profile: "other", URL: "https://B"}, profile.Profile{URL: "https://b/", Token: "tgm_b"}, false},
		"another token, gateway":  {profile.Chosen{Token: "tgm_x", Gateway: "h"}, profile.Profile{URL: "https://a", Token: "tgm_x", Gateway: "h"}, false},
		"http instead of https":   {profile.Chosen{URL: "http://a"}, profile.Profile{URL: "http://a"}, false},
		"a path of the same host": {profile.Chosen{URL: "https://a/x"}, profile.Profile{URL: "https://a/x"}, false},
	} {
		_, got, err := f.Resolve(c.in)
		if (err != nil) != c.bad || got != c.want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, c.want)
		}
	}
}

func TestPath(t *testing.T) {
	t.Parallel()
	for want, env := range map[string]map[string]string{
		"/x/y.yaml":                           {"TOLLGATE_CONFIG": "/x/y.yaml", "HOME": "/h"},
		"/c/tollgate/config.yaml":             {"XDG_CONFIG_HOME": "/c", "HOME": "/h"},
		"/h/.config/tollgate/config.yaml":     {"XDG_CONFIG_HOME": "c", "HOME": "/h"},
		"/root2/.config/tollgate/config.yaml": {"HOME": "/root2"},
	} {
		if got, err := profile.Path(func(k string) string { return env[k] }); err != nil || got != want {
			t.Errorf("%v: %q, %v", env, got, err)
		}
	}
	if _, err := profile.Path(func(string) string { return "" }); err == nil {
		t.Error("no home directory, and no error")
	}
}
