package httpapi

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/portal/docs"
	"github.com/tollgate/tollgate/services/event"
)

// TestEventsAreDocumented holds the page of webhooks to the table of events.
func TestEventsAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := docs.Files.ReadFile("webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(page), "| --- | --- | --- |\n")
	if !ok {
		t.Fatal("the page has no table of events")
	}
	var want strings.Builder
	for _, k := range event.Kinds() {
		object := ""
		if k.Field != "" {
			object = "`" + k.Field + "`"
		}
		fmt.Fprintf(&want, "| `%s` | %s | %s |\n", k.Type, k.Text, object)
	}
	if table != want.String() {
		t.Errorf("the table of events in portal/docs/webhooks.md must be:\n%s", want.String())
	}
}
