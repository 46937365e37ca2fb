package event_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/services/event"
)

// TestTable: every type has a description and an example that says what it is about,
// under a field of its own.
func TestTable(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, k := range event.Kinds() {
		group, verb, ok := strings.Cut(k.Type, ".")
		if !ok || group == "" || verb == "" || strings.ContainsAny(k.Type, " %_*") || seen[k.Type] || k.Text == "" || len(k.Type) > 64 {
			t.Errorf("%+v", k)
		}
		seen[k.Type] = true
		b, err := k.Example()
		var m event.Message
		if err != nil || json.Unmarshal(b, &m) != nil || m.Type != k.Type || m.ID == "" || m.Timestamp.IsZero() || m.Data["gateway"] == nil || m.Data["actor"] == nil {
			t.Errorf("%s: %s, %v", k.Type, b, err)
		}
		if about := m.Data[k.Field]; (k.Field == "") != (about == nil) {
			t.Errorf("%s: %v in %q", k.Type, about, k.Field)
		}
	}
	if event.Find("no.such") != nil {
		t.Error("a type that there is not was found")
	}
	if _, err := (&event.Event{Type: "no.such"}).Encode("evt_1", event.Message{}.Timestamp, event.Ref{}, event.Actor{}); err == nil {
		t.Error("a type that there is not was encoded")
	}
}
