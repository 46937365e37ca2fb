package httpapi

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/portal/docs"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// entries are a page's sections by their headings.
func entries(t *testing.T, page string) map[string]string {
	t.Helper()
	text, err := docs.Files.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	parts := regexp.MustCompile(`(?m)^## `).Split(string(text), -1)
	for _, p := range parts[1:] {
		name, body, _ := strings.Cut(p, "\n")
		if _, twice := out[name]; twice {
			t.Errorf("%s has two entries %s", page, name)
		}
		out[name] = strings.TrimSpace(body)
	}
	return out
}

// TestEveryCodeIsDocumented: a problem's type leads to an entry that has the
// code's status and title, and says what to do.
func TestEveryCodeIsDocumented(t *testing.T) {
	t.Parallel()
	type code struct {
		name, title string
		status      int
	}
	pages := map[string][]code{"api-errors.md": {
		{methodNotAllowed.Name, methodNotAllowed.Title, methodNotAllowed.Status},
		{unsupportedMediaType.Name, unsupportedMediaType.Title, unsupportedMediaType.Status},
	}}
	for _, c := range core.Codes() {
		pages["api-errors.md"] = append(pages["api-errors.md"], code{c.Info().Name, c.Info().Title, c.Info().Status})
	}
	for _, c := range contract.Codes() {
		pages["errors.md"] = append(pages["errors.md"], code{c.Info().Name, c.Info().Title, c.Info().Status})
	}
	for page, codes := range pages {
		found := entries(t, page)
		for _, c := range codes {
			head, todo, _ := strings.Cut(found[c.name], "\n\n")
			if want := fmt.Sprintf("%d: %s.", c.status, c.title); head != want {
				t.Errorf("%s: the entry of %s begins with %q, want %q", page, c.name, head, want)
			}
			if len(strings.Fields(todo)) < 3 {
				t.Errorf("%s: %s: it does not say what to do: %q", page, c.name, todo)
			}
			delete(found, c.name)
		}
		for name := range found {
			t.Errorf("%s has an entry for %s, which is no code", page, name)
		}
	}
}
