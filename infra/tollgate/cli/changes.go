package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/infra/tollgate/cli/show"
	"github.com/tollgate/tollgate/portal/client"
)

// maxLines bounds what is shown of one object's differences.
const maxLines = 30

// showChanges prints what would change, and says whether anything would.
func (a *App) showChanges(changes []*change) (changed bool, err error) {
	for _, c := range changes {
		changed = changed || !c.empty()
	}
	type shown struct {
		Gateway   string              `json:"gateway"`
		New       bool                `json:"new"`
		Version   int64               `json:"version"`
		Changes   []client.Difference `json:"changes"`
		TakenOver []client.TakenOver  `json:"taken_over"`
		Consumers []map[string]any    `json:"consumers"`
	}
	items := []shown{}
	for _, c := range changes {
		s := shown{c.want.Name, c.fresh, c.applied.Version, c.applied.Changes, c.applied.TakenOver, nil}
		for _, one := range c.consumers {
			s.Consumers = append(s.Consumers, map[string]any{"name": one.name, "before": one.before, "after": one.after})
		}
		items = append(items, s)
	}
	return changed, a.out.Value(items, func(w io.Writer) error {
		for _, c := range changes {
			a.showChange(w, c)
		}
		return nil
	})
}

func (a *App) showChange(w io.Writer, c *change) {
	name := show.Clean(c.want.Name)
	switch {
	case c.empty():
		fmt.Fprintf(w, "gateway %s: nothing to change\n", name)
		return
	case c.fresh:
		fmt.Fprintf(w, "%s\n", a.painted(show.Green, "+ gateway "+name))
	default:
		fmt.Fprintf(w, "gateway %s, version %d\n", name, c.applied.Version)
	}
	for i := range c.applied.Changes {
		d := &c.applied.Changes[i]
		a.showDifference(w, string(d.Kind), textOf(d.Name), d.Before, d.After)
	}
	for _, one := range c.consumers {
		before := &one.before
		if one.before == nil {
			before = nil
		}
		a.showDifference(w, "consumer", one.name, before, &one.after)
	}
	for _, t := range c.applied.TakenOver {
		from := "nobody"
		if t.From != nil && *t.From != "" {
			from = *t.From
		}
		fmt.Fprintf(w, "  %s\n", a.painted(show.Yellow, fmt.Sprintf("! %s %s is taken over from %s", strings.ReplaceAll(t.Kind, "_", " "), show.Clean(t.Name), show.Clean(from))))
	}
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// painted is text in a colour, where standard output has colours.
func (a *App) painted(colour, text string) string {
	if !a.colour {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// showDifference prints what becomes of one object: made, deleted, or each of its
// fields that changes.
func (a *App) showDifference(w io.Writer, kind, name string, before, after *json.RawMessage) {
	what := show.Clean(strings.TrimSpace(strings.ReplaceAll(kind, "_", " ") + " " + name))
	switch {
	case before == nil:
		fmt.Fprintf(w, "  %s\n", a.painted(show.Green, "+ "+what))
		return
	case after == nil:
		fmt.Fprintf(w, "  %s\n", a.painted(show.Red, "- "+what))
		return
	}
	fmt.Fprintf(w, "  %s\n", a.painted(show.Yellow, "~ "+what))
	lines := compare(nil, "", value(*before), value(*after))
	for i, l := range lines {
		if i == maxLines {
			fmt.Fprintf(w, "      … %d more\n", len(lines)-maxLines)
			break
		}
		fmt.Fprintf(w, "      %s\n", show.Clean(l))
	}
}

func value(raw json.RawMessage) any {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	_ = d.Decode(&v) // what is no JSON differs as a whole
	return v
}

// compare lists where two values differ: match.path: "/a" → "/b".
func compare(out []string, path string, was, is any) []string {
	if a, ok := was.(object); ok {
		if b, ok := is.(object); ok {
			keys := maps.Clone(a)
			maps.Copy(keys, b)
			for _, k := range slices.Sorted(maps.Keys(keys)) {
				out = compare(out, below(path, k), a[k], b[k])
			}
			return out
		}
	}
	if a, ok := was.([]any); ok {
		if b, ok := is.([]any); ok {
			for i := range max(len(a), len(b)) {
				out = compare(out, fmt.Sprintf("%s[%d]", path, i), element(a, i), element(b, i))
			}
			return out
		}
	}
	before, after := compact(was), compact(is)
	if before == after {
		return out
	}
	if path != "" {
		path += ": "
	}
	switch {
	case was == nil:
		return append(out, "+ "+path+after)
	case is == nil:
		return append(out, "- "+path+before)
	}
	return append(out, path+before+" → "+after)
}

func below(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func element(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}

// longest bounds a value in a line of differences, in bytes.
const longest = 200

func compact(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	if len(raw) > longest {
		return strings.ToValidUTF8(string(raw[:longest]), "") + "…"
	}
	return string(raw)
}
