package errorpages

import (
	"bytes"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/document"
	"github.com/tollgate/tollgate/services/contract"
)

// failure is what a page tells.
type failure struct {
	Status    int
	Code      string
	Title     string
	Detail    string
	RequestID string
	fields    contract.FieldErrors
}

// text is a string in whose places variables stand.
type text []piece

type piece struct{ literal, name string }

var names = []string{"status", "code", "title", "detail", "request_id"}

// actions are what variables become in an HTML page.
var actions = map[string]string{"status": ".Status", "code": ".Code", "title": ".Title", "detail": ".Detail", "request_id": ".RequestID"}

func sorted(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

// parseText reads a string with variables; a doubled brace stands for one.
func parseText(s string) (out text, err error) {
	var lit strings.Builder
	for i := 0; i < len(s); {
		c := s[i]
		if c != '{' && c != '}' || i+1 < len(s) && s[i+1] == c {
			lit.WriteByte(c)
			if i++; c == '{' || c == '}' {
				i++
			}
			continue
		}
		name, _, ok := strings.Cut(s[i+1:], "}")
		if c == '}' || !ok || !slices.Contains(names, name) {
			return nil, fmt.Errorf("character %d: variables are {%s}; write {{ or }} for a brace", i+1, strings.Join(names, "}, {"))
		}
		out = append(out, piece{literal: lit.String()}, piece{name: name})
		lit.Reset()
		i += len(name) + 2
	}
	return append(out, piece{literal: lit.String()}), nil
}

// value is what a variable stands for.
func (f *failure) value(name string) string {
	switch name {
	case "status":
		return strconv.Itoa(f.Status)
	case "code":
		return f.Code
	case "title":
		return f.Title
	case "detail":
		return f.Detail
	}
	return f.RequestID
}

// expand gives a string, or a number where {status} stands alone.
func (t text) expand(f *failure) any {
	if len(t) == 3 && t[0].literal == "" && t[2].literal == "" && t[1].name == "status" {
		return f.Status
	}
	var b strings.Builder
	for _, p := range t {
		if b.WriteString(p.literal); p.name != "" {
			b.WriteString(f.value(p.name))
		}
	}
	return b.String()
}

// filled is a copy of a shape with its variables replaced.
func filled(v any, f *failure) any {
	switch v := v.(type) {
	case text:
		return v.expand(f)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = filled(v[i], f)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = filled(e, f)
		}
		return out
	}
	return v
}

// The brackets of actions in a page's template: NUL can't stand in a page, so that
// nothing that a tenant writes is an action.
const left, right = "\x00<", ">\x00"

// compilePage makes a template whose only actions are the variables. html/template
// escapes each for the place where it stands, and refuses places for which it knows
// no escaping.
func compilePage(s string, errs *contract.FieldErrors) *template.Template {
	if len(s) > maxPage {
		errs.Add("/html", fmt.Sprintf("is %d bytes, at most %d are allowed", len(s), maxPage))
		return nil
	}
	if strings.IndexByte(s, 0) >= 0 || !document.Readable(s) {
		errs.Add("/html", "holds a NUL, or is not UTF-8")
		return nil
	}
	t, err := pageText(s)
	if err != nil {
		errs.Add("/html", err.Error())
		return nil
	}
	var src strings.Builder
	for _, p := range t {
		if src.WriteString(p.literal); p.name != "" {
			src.WriteString(left + actions[p.name] + right)
		}
	}
	tpl, err := template.New("page").Delims(left, right).Parse(src.String())
	if err == nil {
		err = tpl.Execute(&bytes.Buffer{}, &failure{})
	}
	if err != nil {
		errs.Add("/html", "a variable stands where no value can be escaped safely, or a tag is not closed")
		return nil
	}
	return tpl
}

// pageText finds variables in a page. Other braces, as style sheets have them,
// stand for themselves.
func pageText(s string) (out text, err error) {
	var lit strings.Builder
	for s != "" {
		i := strings.IndexByte(s, '{')
		if i < 0 {
			break
		}
		name, _, ok := strings.Cut(s[i+1:], "}")
		switch {
		case ok && slices.Contains(names, name):
			lit.WriteString(s[:i])
			out = append(out, piece{literal: lit.String()}, piece{name: name})
			lit.Reset()
			s = s[i+len(name)+2:]
		default:
			lit.WriteString(s[:i+1])
			s = s[i+1:]
		}
	}
	lit.WriteString(s)
	return append(out, piece{literal: lit.String()}), nil
}

// maxBody bounds a page, its values included.
const maxBody = 256 << 10

// problem writes the page as RFC 9457 has it, as the edge itself does.
func (f *failure) problem() ([]byte, error) {
	v := map[string]any{"type": "urn:tollgate:error:" + f.Code, "title": f.Title, "status": f.Status, "code": f.Code, "request_id": f.RequestID}
	if f.Detail != "" {
		v["detail"] = f.Detail
	}
	if len(f.fields) > 0 {
		list := make([]any, 0, len(f.fields))
		for _, e := range f.fields {
			list = append(list, map[string]any{"pointer": e.Pointer, "detail": e.Detail})
		}
		v["errors"] = list
	}
	return document.AppendJSON(nil, v, maxBody)
}

// write makes the body of a form.
func (p *pages) write(as form, f *failure) ([]byte, string, error) {
	switch as {
	case formJSON:
		b, err := document.AppendJSON(nil, filled(p.shape, f), maxBody)
		return b, "application/json", err
	case formHTML:
		var b bytes.Buffer
		err := p.page.Execute(&b, f)
		return b.Bytes(), "text/html; charset=utf-8", err
	}
	b, err := f.problem()
	return b, "application/problem+json", err
}

func (p *pages) has(as form) bool {
	return as == formProblem || as == formJSON && p.shape != nil || as == formHTML && p.page != nil
}

// describe tells what failed: the edge, or the backend.
func describe(x *policy.Exchange) *failure {
	id := x.RequestID().Clone()
	if r, ok := x.Refusal(); ok {
		i := r.Code.Info()
		return &failure{Status: x.Response().Status, Code: i.Name, Title: i.Title, Detail: r.Detail, RequestID: id, fields: r.Fields}
	}
	return &failure{Status: x.Response().Status, Code: "backend_failed", Title: "The backend failed to handle the request", RequestID: id}
}
