package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tollgate/tollgate/infra/tollgate/cli/fault"
	"github.com/tollgate/tollgate/portal/client"
	"github.com/tollgate/tollgate/portal/client/document"
)

// object is what the API calls a resource: a JSON object.
type object = map[string]any

// kind describes one kind of objects; kindcommands.go makes its commands of it.
type kind struct {
	use   string // the command: usage-plans
	one   string // for people: usage plan
	short string
	key   string // the field that the API names it by
	// global: it is the organization's, not a gateway's.
	global bool
	// versioned: a change makes a new version of the gateway's configuration.
	versioned bool
	columns   []column
	flags     []flag
	fileless  bool   // it is made of flags alone
	example   string // of create

	list   func(ctx context.Context, c *client.ClientWithResponses, gateway string, limit *int, cursor *string) (*http.Response, error)
	get    func(ctx context.Context, c *client.ClientWithResponses, gateway, key string) (*http.Response, error)
	create func(ctx context.Context, c *client.ClientWithResponses, gateway string, body io.Reader) (*http.Response, error) // nil: by put
	put    func(ctx context.Context, c *client.ClientWithResponses, gateway, key string, body io.Reader) (*http.Response, error)
	remove func(ctx context.Context, c *client.ClientWithResponses, gateway, key string) (*http.Response, error)
	// made tells a person more about a new object; nil: nothing.
	made func(a *App, o object)
}

// column is one of a list's table.
type column struct {
	title string
	text  func(object) string
}

// field is a column of the text at a path: match.path.
func field(title, path string) column {
	return column{title, func(o object) string { return textAt(o, path) }}
}

// textAt is a field's value as a table has it.
func textAt(o object, path string) string {
	var v any = o
	for name := range strings.SplitSeq(path, ".") {
		m, ok := v.(object)
		if !ok {
			return ""
		}
		v = m[name]
	}
	return plainText(v)
}

func plainText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	case []any:
		var parts []string
		for _, e := range v {
			parts = append(parts, plainText(e))
		}
		return strings.Join(parts, ",")
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(raw)
}

// maxAnswer bounds what is read of one answer, in bytes.
const maxAnswer = 64 << 20

// answer is what the API said.
type answer struct {
	raw     json.RawMessage
	body    object
	version int64 // of the gateway after it; 0: none
	etag    string
	status  int
}

// read turns a response into an answer or into the API's error.
func read(res *http.Response, err error) (answer, error) {
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return answer{}, fault.Wrap(fault.Unavailable, "", fmt.Errorf("the answer broke off: %w", err))
	}
	if err := client.Done(res, raw, nil); err != nil {
		return answer{}, err
	}
	a := answer{raw: raw, status: res.StatusCode, etag: res.Header.Get("ETag")}
	if v := res.Header.Get("Tollgate-Version"); v != "" {
		a.version, _ = strconv.ParseInt(v, 10, 64)
	}
	if len(bytes.TrimSpace(raw)) > 0 {
		if a.body, err = decode(raw); err != nil {
			return a, fmt.Errorf("the answer is no JSON object: is it a portal of Tollgate's? %w", err)
		}
	}
	return a, nil
}

func decode(raw []byte) (object, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var o object
	err := d.Decode(&o)
	return o, err
}

// page is one page of a list.
type page struct {
	Items []json.RawMessage `json:"items"`
	Next  *string           `json:"next_cursor"`
}

// all reads a list, page after page; limit 0: all of it.
func (k *kind) all(ctx context.Context, c *client.ClientWithResponses, gateway string, limit int) ([]json.RawMessage, error) {
	out := []json.RawMessage{}
	var cursor *string
	for {
		var size *int
		if limit > 0 {
			size = new(min(limit-len(out), 200))
		}
		res, err := read(k.list(ctx, c, gateway, size, cursor))
		if err != nil {
			return nil, err
		}
		var p page
		if err := json.Unmarshal(res.raw, &p); err != nil {
			return nil, fmt.Errorf("read the list: %w", err)
		}
		out = append(out, p.Items...)
		if p.Next == nil || *p.Next == "" || limit > 0 && len(out) >= limit {
			return out, nil
		}
		cursor = p.Next
	}
}

// flag is a field of an object on the command line.
type flag struct {
	name, short, typ, help string
	path                   string // in the body; a list there gives way to what is given
	many                   bool
	late                   bool // put reads input: it is not tried before
	// put sets what was given in the body.
	put func(body object, value string) error
}

// Set, String and Type make a flag's values a pflag.Value.
type flagValue struct {
	flag  *flag
	given []string
}

// Set notes a value that was given, after trying it.
func (v *flagValue) Set(s string) error {
	if !v.flag.late {
		if err := v.flag.put(object{}, s); err != nil {
			return err
		}
	}
	if !v.flag.many {
		v.given = v.given[:0]
	}
	v.given = append(v.given, s)
	return nil
}

// String is what was given.
func (v *flagValue) String() string { return strings.Join(v.given, ",") }

// Type is shown in help.
func (v *flagValue) Type() string { return v.flag.typ }

// at finds or makes the object that a path's last name is a field of.
func at(body object, path string) (object, string) {
	for {
		name, rest, ok := strings.Cut(path, ".")
		if !ok {
			return body, name
		}
		next, ok := body[name].(object)
		if !ok {
			next = object{}
			body[name] = next
		}
		body, path = next, rest
	}
}

func textFlag(name, path, help string) flag {
	return flag{name: name, typ: "string", help: help, put: func(body object, v string) error {
		o, f := at(body, path)
		o[f] = v
		return nil
	}}
}

func listFlag(name, path, help string) flag {
	return flag{name: name, typ: "string", path: path, many: true, help: help + "; may be given several times", put: func(body object, v string) error {
		return add(body, path, v)
	}}
}

func add(body object, path string, v any) error {
	o, f := at(body, path)
	list, _ := o[f].([]any)
	o[f] = append(slices.Clip(list), v)
	return nil
}

func boolFlag(name, path, help string) flag {
	return flag{name: name, typ: "bool", help: help, put: func(body object, v string) error {
		b, err := strconv.ParseBool(v)
		if err != nil {
			return errors.New("say true or false")
		}
		o, f := at(body, path)
		o[f] = b
		return nil
	}}
}

func numberFlag(name, path, help string) flag {
	return flag{name: name, typ: "int", help: help, put: func(body object, v string) error {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return errors.New("is no whole number")
		}
		o, f := at(body, path)
		o[f] = n
		return nil
	}}
}

// body makes what is sent to create an object: of a file, and flags over it.
func (a *App) body(file string, values []*flagValue) (object, error) {
	body := object{}
	if file != "" {
		n, err := a.oneDocument(file)
		if err != nil {
			return nil, err
		}
		if body, err = decode(document.ToJSON(n)); err != nil {
			return nil, fault.New(fault.Invalid, "", file+": is no object: it has fields, such as `name: …`")
		}
	}
	for _, v := range values {
		if len(v.given) > 0 && v.flag.many {
			o, f := at(body, v.flag.path)
			delete(o, f)
		}
		for _, s := range v.given {
			if err := v.flag.put(body, s); err != nil {
				return nil, fault.Mistake(fmt.Errorf("--%s: %w", v.flag.name, err))
			}
		}
	}
	return body, nil
}

// oneDocument reads a file, - for standard input, that holds a single document.
func (a *App) oneDocument(file string) (*yaml.Node, error) {
	docs, err := a.documents(file)
	if err != nil {
		return nil, err
	}
	if len(docs) != 1 {
		return nil, fault.New(fault.Invalid, "", fmt.Sprintf("%s: holds %d documents, one is expected", file, len(docs)))
	}
	return docs[0].Root, nil
}

// documents reads a file, - for standard input.
func (a *App) documents(file string) ([]document.Doc, error) {
	if file == "-" {
		return document.Read("standard input", a.cfg.In)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fault.Mistake(err)
	}
	defer f.Close()
	return document.Read(file, f)
}
