package main

import (
	"context"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the documentation's recorded tour anew")

// tourPage is the page of the tour: prose with blocks of commands, and what they print.
const tourPage = "../../portal/docs/cli-tour.md"

// TestTour runs the commands of the tour for real, in one shell, and holds the page to
// what they print. `make tour` writes the page.
func TestTour(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile("testdata/tour.md")
	if err != nil {
		t.Fatal(err)
	}
	s := startSite(t)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("hello from the backend: " + r.URL.Path + "\n"))
	}))
	t.Cleanup(backend.Close)
	token, err := s.newOrganization("ann@example.com", "a long password", "Acme")
	if err != nil {
		t.Fatal(err)
	}
	page := recorded(t, string(script), s, backend.URL, token)
	if *update {
		if err := os.WriteFile(tourPage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(tourPage)
	if err != nil {
		t.Fatal(err)
	}
	if page != string(want) {
		t.Errorf("%s is not what the commands print now: run make tour and look at what changed. Now:\n%s", tourPage, page)
	}
}

// recorded replaces each command of a script ("$ tollgate …") by itself and what it
// prints. A line that begins with "- " runs and is not shown.
func recorded(t *testing.T, script string, s *site, backend, token string) string {
	t.Helper()
	const next = "@@next@@"
	var shell strings.Builder
	lines := strings.Split(script, "\n")
	block := false
	for _, l := range lines {
		switch {
		case strings.HasPrefix(l, "```"):
			block = !block
		case block && strings.HasPrefix(l, "$ "), block && strings.HasPrefix(l, "- "):
			shell.WriteString("echo " + next + "\n" + s.real(l[2:], backend) + "\n")
		}
	}
	dir := t.TempDir()
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, filepath.Join(dir, "tollgate"))
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "token.txt"), []byte(token+"\n"), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", shell.String())
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + dir, "PATH=" + dir + ":" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the tour ended: %v\n%s", err, out)
	}
	parts := strings.Split(string(out), next+"\n")[1:]
	var page strings.Builder
	block = false
	for _, l := range lines {
		switch {
		case strings.HasPrefix(l, "```"):
			block = !block
			page.WriteString(l + "\n")
		case block && strings.HasPrefix(l, "- "):
			parts = parts[1:]
		case block && strings.HasPrefix(l, "$ "):
			page.WriteString(l + "\n" + s.shown(parts[0], backend))
			parts = parts[1:]
		default:
			page.WriteString(l + "\n")
		}
	}
	return strings.TrimSuffix(page.String(), "\n")
}

// Addresses of the tour as its readers have them.
const (
	tourPortal  = "http://localhost:8080"
	tourEdge    = "http://localhost:8000"
	tourBackend = "http://127.0.0.1:9000"
)

// real puts the test's addresses in the place of a reader's.
func (s *site) real(command, backend string) string {
	return strings.NewReplacer(tourPortal, s.portal, tourEdge, s.edge, tourBackend, backend).Replace(command)
}

// changing is what each run prints differently, and what the page has instead.
var changing = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`tg_live_[0-9A-Za-z]{10}_[0-9A-Za-z]+`), "tg_live_6PzXKsYl5c_…"},
	{regexp.MustCompile(`tg_live_[0-9A-Za-z]{10}`), "tg_live_6PzXKsYl5c"},
	{regexp.MustCompile(`key_[0-9A-Za-z]{10}`), "key_6PzXKsYl5c"},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`), "01a20208-22f8-7f95-bf1c-b981dd80b138"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "2026-11-22T09:30:00.000Z"},
	{regexp.MustCompile(`\b\d+ ms\b`), "21 ms"},
	{regexp.MustCompile(`backend=\d+ms`), "backend=1ms"},
	{regexp.MustCompile(`by edge \S+`), "by edge edge-1"},
	{regexp.MustCompile(`(?m)^\S+ +(refuses it)`), "edge-1  $1"},
	{regexp.MustCompile(`EDGE +(THE KEY)`), "EDGE    $1"},
	{regexp.MustCompile(`\d+ of (\d+) left`), "$1 of $1 left"},
	{regexp.MustCompile(`\d+ left, and (\d+) more`), "100 left, and $1 more"},
}

// shown is a command's output as the page has it.
func (s *site) shown(out, backend string) string {
	edge := strings.TrimPrefix(s.edge, "http://127.0.0.1")
	out = strings.NewReplacer(s.portal, tourPortal, s.edge, tourEdge, backend, tourBackend, ".localhost"+edge, ".localhost:8000").Replace(out)
	for _, c := range changing {
		out = c.what.ReplaceAllString(out, c.with)
	}
	return out
}
