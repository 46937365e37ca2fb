package docs

import (
	"encoding/json"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"
)

// made are pages that the portal makes itself, from the API's document.
var made = map[string]bool{"api.md": true}

var (
	link        = regexp.MustCompile(`\]\(([^)#:]*)(#[^)]*)?\)`)
	punctuation = regexp.MustCompile(`[^\pL\p{Nd}\s_-]`)
	heading     = regexp.MustCompile(`(?m)^#+ (.+)$`)
)

// TestPages holds the navigation and the pages to one another: every page is
// listed and begins with its title, and every link leads to a page and heading
// that exist.
func TestPages(t *testing.T) {
	t.Parallel()
	var sections []struct {
		Title string
		Pages []struct{ Path, Title string }
	}
	raw, err := Files.ReadFile("nav.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &sections); err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, s := range sections {
		for _, p := range s.Pages {
			if listed[p.Path] {
				t.Errorf("nav.json lists %s twice", p.Path)
			}
			if listed[p.Path] = true; made[p.Path] {
				continue
			}
			text, err := Files.ReadFile(p.Path)
			if err != nil {
				t.Errorf("nav.json lists %s: %v", p.Path, err)
			} else if !strings.HasPrefix(string(text), "# "+p.Title+"\n") {
				t.Errorf("%s does not begin with its title %q", p.Path, p.Title)
			}
		}
	}
	err = fs.WalkDir(Files, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".md") {
			return err
		}
		if !listed[name] {
			t.Errorf("nav.json lacks %s", name)
		}
		return checkLinks(t, name)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func checkLinks(t *testing.T, name string) error {
	text, err := Files.ReadFile(name)
	if err != nil {
		return err
	}
	for _, m := range link.FindAllStringSubmatch(string(text), -1) {
		to := name
		if m[1] != "" {
			to = path.Join(path.Dir(name), m[1])
		}
		if made[to] {
			continue
		}
		target, err := Files.ReadFile(to)
		if err != nil {
			t.Errorf("%s links to %s: %v", name, m[1], err)
			continue
		}
		if m[2] != "" && !hasAnchor(string(target), m[2][1:]) {
			t.Errorf("%s links to %s, which has no heading %s", name, m[1], m[2])
		}
	}
	return nil
}

// hasAnchor follows webui.anchors and the repository's hosts.
func hasAnchor(text, anchor string) bool {
	for _, h := range heading.FindAllStringSubmatch(text, -1) {
		id := punctuation.ReplaceAllString(strings.ToLower(strings.TrimSpace(h[1])), "")
		if strings.ReplaceAll(id, " ", "-") == anchor {
			return true
		}
	}
	return false
}

// TestLinksFail makes sure that a link that leads nowhere is seen.
func TestLinksFail(t *testing.T) {
	t.Parallel()
	const page = "# A title\n\n## `rate_limit`: What, and why?\n"
	for anchor, want := range map[string]bool{"a-title": true, "rate_limit-what-and-why": true, "rate-limit": false, "": false} {
		if got := hasAnchor(page, anchor); got != want {
			t.Errorf("anchor %q is there: %v, want %v", anchor, got, want)
		}
	}
	for text, want := range map[string]int{"[a](b.md)": 1, "[a](../x/b.md#c-d)": 1, "[a](#c)": 1, "[a](https://example.com/#c)": 0} {
		if got := len(link.FindAllString(text, -1)); got != want {
			t.Errorf("%s has %d links of ours, want %d", text, got, want)
		}
	}
}
