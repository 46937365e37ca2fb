package cli

import (
	"regexp"
	"strings"
	"testing"
)

// TestCleanHost: any machine's name becomes one that the portal takes.
func TestCleanHost(t *testing.T) {
	t.Parallel()
	taken := regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)
	for name, want := range map[string]string{
		"ada-laptop": "ada-laptop", "Ada’s MacBook": "Ada-s-MacBook", "": "computer", "---": "computer", "büro": "b-ro",
		strings.Repeat("a", 62) + "-b": strings.Repeat("a", 62), "x\x1b[31m": "x-31m",
	} {
		got := cleanHost(name)
		if got != want || !taken.MatchString(got) {
			t.Errorf("cleanHost(%q) = %q, want %q", name, got, want)
		}
	}
}

// TestWebPage: only a page of the web is opened.
func TestWebPage(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"https://portal.example.com/device?code=BCDF-GHJK": true, "http://localhost:8080/device": true,
		"file:///etc/passwd": false, "--help": false, "javascript:alert(1)": false, "https://x\x1b[2J/": false, "": false,
	} {
		if got := webPage(address); got != want {
			t.Errorf("webPage(%q) = %v", address, got)
		}
	}
}
