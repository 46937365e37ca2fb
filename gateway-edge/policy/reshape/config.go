package reshape

import (
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy/document"
	"github.com/tollgate/tollgate/gateway-edge/policy/jq"
	"github.com/tollgate/tollgate/gateway-edge/policy/template"
	"github.com/tollgate/tollgate/services/contract"
)

// Config is the change of one body. Replace excludes all else but MaxBytes.
type Config struct {
	// From is the kind of body that is read; To the one that is written, the same
	// where it is empty.
	From string `json:"from"`
	To   string `json:"to"`
	// Rename, Remove and Set are made in this order, by JSON pointers.
	Rename map[string]string          `json:"rename"`
	Remove []string                   `json:"remove"`
	Set    map[string]json.RawMessage `json:"set"`
	// JQ is a program that the body goes through after the edits.
	JQ string `json:"jq"`
	// Replace is a body of its own.
	Replace *Replace `json:"replace"`
	// OtherTypes says what becomes of bodies of another content type: "refuse" or
	// "pass".
	OtherTypes string `json:"other_types"`
	// MaxBytes bounds the body before and after.
	MaxBytes int64 `json:"max_bytes"`
}

// Replace is a body of fixed variables: JSON in whose strings they stand, or a
// text.
type Replace struct {
	JSON        json.RawMessage `json:"json"`
	Text        string          `json:"text"`
	ContentType string          `json:"content_type"`
}

// Options say where the body stands.
type Options struct {
	Params []string
	// Refuse: other content types are refused unless the configuration says "pass".
	Refuse bool
}

// Bounds of a configuration.
const (
	DefaultMaxBytes = 1 << 20
	maxMaxBytes     = 8 << 20
	maxEdits        = 100
	maxConstant     = 64 << 10
)

// Compile checks a configuration and makes the change. Bad fields are added to
// errs with pointers relative to the configuration.
func Compile(c *Config, o Options, errs *contract.FieldErrors) *Change {
	ch := &Change{max: c.MaxBytes, refuse: o.Refuse}
	if ch.max == 0 {
		ch.max = DefaultMaxBytes
	}
	if ch.max < 1 || ch.max > maxMaxBytes {
		errs.Add("/max_bytes", fmt.Sprintf("is between 1 and %d", maxMaxBytes))
	}
	switch c.OtherTypes {
	case "":
	case "refuse", "pass":
		ch.refuse = c.OtherTypes == "refuse"
	default:
		errs.Add("/other_types", `is "refuse" or "pass"`)
	}
	ch.from, ch.to = kind(c.From, document.JSON, "/from", errs), document.None
	if ch.to = kind(c.To, ch.from, "/to", errs); c.Replace != nil {
		c.onlyReplace(errs)
		ch.compileReplace(c.Replace, o, errs)
		return ch
	}
	ch.edits(c, o, errs)
	if c.JQ != "" {
		var err error
		if ch.program, err = jq.Compile(c.JQ); err != nil {
			errs.Add("/jq", err.Error())
		}
	}
	if len(ch.steps) == 0 && c.JQ == "" && ch.from == ch.to && len(*errs) == 0 {
		errs.Add("", "rename, remove, set, jq, replace or another kind to write is needed: without one the body stays as it is")
	}
	return ch
}

func kind(name string, def document.Kind, at string, errs *contract.FieldErrors) document.Kind {
	if name == "" {
		return def
	}
	k := document.KindByName(name)
	if k == document.None {
		errs.Add(at, `is "json", "xml" or "form"`)
	}
	return k
}

func (c *Config) onlyReplace(errs *contract.FieldErrors) {
	for name, given := range map[string]bool{
		"from": c.From != "", "to": c.To != "", "rename": len(c.Rename) > 0, "remove": len(c.Remove) > 0, "set": len(c.Set) > 0, "jq": c.JQ != "",
	} {
		if given {
			errs.Add("/"+name, "can't stand beside replace: nothing of the former body is read")
		}
	}
	slices.SortFunc(*errs, func(a, b contract.FieldError) int { return strings.Compare(a.Pointer, b.Pointer) })
}

// edits compiles renames, removals and settings.
func (ch *Change) edits(c *Config, o Options, errs *contract.FieldErrors) {
	if n := len(c.Rename) + len(c.Remove) + len(c.Set); n > maxEdits {
		errs.Add("", fmt.Sprintf("%d fields are named, at most %d are allowed", n, maxEdits))
		return
	}
	for _, from := range slices.Sorted(maps.Keys(c.Rename)) {
		at := contract.Pointer("rename", from)
		p, ok := path(from, at, errs)
		q, ok2 := path(c.Rename[from], at, errs)
		if ok && ok2 && q.Within(p) {
			errs.Add(at, "a field can't be moved into itself")
		} else if ok && ok2 {
			ch.steps = append(ch.steps, step{op: opRename, path: p, to: q})
		}
	}
	for i, s := range c.Remove {
		if p, ok := path(s, contract.Pointer("remove", i), errs); ok {
			ch.steps = append(ch.steps, step{op: opRemove, path: p})
		}
	}
	for _, s := range slices.Sorted(maps.Keys(c.Set)) {
		at := contract.Pointer("set", s)
		p, ok := path(s, at, errs)
		v := compileValue(c.Set[s], o, at, errs)
		if ok && v != nil {
			ch.steps = append(ch.steps, step{op: opSet, path: p, value: v})
		}
	}
}

func path(s, at string, errs *contract.FieldErrors) (document.Path, bool) {
	p, err := document.ParsePath(s)
	if err != nil {
		errs.Add(at, err.Error())
	}
	return p, err == nil
}

// compileValue reads a JSON value in whose strings variables may stand.
func compileValue(raw json.RawMessage, o Options, at string, errs *contract.FieldErrors) *value {
	if len(raw) > maxConstant {
		errs.Add(at, fmt.Sprintf("is %d bytes, at most %d are allowed", len(raw), maxConstant))
		return nil
	}
	v, err := document.ParseJSON(raw)
	if err != nil {
		errs.Add(at, err.Error())
		return nil
	}
	return valueOf(v, o, at, errs)
}

func valueOf(v any, o Options, at string, errs *contract.FieldErrors) *value {
	switch v := v.(type) {
	case string:
		t, err := template.Parse(v, template.Options{Vars: template.All, Params: o.Params})
		if err != nil {
			errs.Add(at, err.Error())
			return nil
		}
		return &value{text: t}
	case []any:
		out := &value{list: make([]*value, len(v)), array: true}
		for i, e := range v {
			out.list[i] = valueOf(e, o, at+contract.Pointer(i), errs)
		}
		return out
	case map[string]any:
		out := &value{}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			out.names = append(out.names, name)
			out.list = append(out.list, valueOf(v[name], o, at+contract.Pointer(name), errs))
		}
		out.object = true
		return out
	}
	return &value{fixed: v}
}

func (ch *Change) compileReplace(r *Replace, o Options, errs *contract.FieldErrors) {
	ch.replaces = true
	switch {
	case len(r.JSON) > 0 && r.Text != "":
		errs.Add("/replace/text", "json and text can't both be given")
	case len(r.JSON) > 0:
		ch.value, ch.contentType = compileValue(r.JSON, o, "/replace/json", errs), "application/json"
	default:
		ch.compileText(r, o, errs)
	}
	if r.ContentType == "" {
		return
	}
	media, _, err := mime.ParseMediaType(r.ContentType)
	switch {
	case err != nil || !strings.Contains(media, "/") || len(r.ContentType) > 256:
		errs.Add("/replace/content_type", `is no media type such as "text/plain"`)
	case len(r.JSON) == 0 && strings.HasSuffix(media, "json"):
		errs.Add("/replace/content_type", "JSON is given as json, so that values stand in it safely")
	case len(r.JSON) == 0 && media != "text/plain" && ch.varies:
		errs.Add("/replace/text", "variables can stand in text/plain and in json only: other types would need escapes")
	default:
		ch.contentType = r.ContentType
	}
}

func (ch *Change) compileText(r *Replace, o Options, errs *contract.FieldErrors) {
	ch.contentType = "text/plain; charset=utf-8"
	t, err := template.Parse(r.Text, template.Options{Vars: template.All, Params: o.Params})
	if err != nil {
		errs.Add("/replace/text", err.Error())
		return
	}
	_, literal := t.Literal()
	ch.text, ch.varies = t, !literal
}
