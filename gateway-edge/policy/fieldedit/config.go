package fieldedit

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/template"
	"github.com/tollgate/tollgate/services/contract"
)

// Config is the part of a policy's configuration that Compile takes. Fields are
// removed first, then set, then added.
type Config struct {
	Remove []string         `json:"remove"`
	Set    map[string]Value `json:"set"`
	Add    map[string]Value `json:"add"`
}

// Value is the value of a field: a text with variables, or a reference to a
// secret of the gateway.
type Value struct {
	Text   string
	Secret string
}

// UnmarshalJSON reads "text" or {"secret": "name"}.
func (v *Value) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '{' {
		var ref struct {
			Secret string `json:"secret"`
		}
		if err := contract.DecodeStrict(b, &ref); err != nil {
			return err
		}
		if ref.Secret == "" {
			return contract.FieldErrors{{Pointer: "/secret", Detail: "names a secret of the gateway"}}
		}
		v.Secret = ref.Secret
		return nil
	}
	if len(b) == 0 || b[0] != '"' {
		return contract.FieldErrors{{Detail: `must be a string, or {"secret": "name"}`}}
	}
	return contract.DecodeStrict(b, &v.Text)
}

// Options say on which side the edits are made.
type Options struct {
	Protected func(name string) (why string, protected bool)
	Vars      template.Vars
	Params    []string
	// Secret resolves references; nil refuses them.
	Secret func(name string) ([]byte, error)
}

const maxEntries = 50

// Compile checks a configuration and makes its edits. Bad fields are added to
// errs with pointers relative to the configuration.
func Compile(c *Config, o Options, errs *contract.FieldErrors) *Edits {
	e := &Edits{}
	if n := len(c.Remove) + len(c.Set) + len(c.Add); n == 0 {
		errs.Add("", "remove, set or add needs an entry: without one the policy does nothing")
	} else if n > maxEntries {
		errs.Add("", fmt.Sprintf("%d fields are named, at most %d are allowed", n, maxEntries))
		return e
	}
	seen := map[string]bool{}
	for i, name := range c.Remove {
		at := contract.Pointer("remove", i)
		if n, ok := fieldName(name, o, at, errs); ok {
			if once(seen, name, at, errs) {
				e.remove = append(e.remove, n)
			}
		}
	}
	e.set = compileAll(c.Set, "set", seen, o, errs)
	e.add = compileAll(c.Add, "add", map[string]bool{}, o, errs)
	return e
}

// once refuses a second entry for a name, compared as HTTP does.
func once(seen map[string]bool, name, at string, errs *contract.FieldErrors) bool {
	key := strings.ToLower(name)
	if seen[key] {
		errs.Add(at, "this field is named twice; set replaces what was there, so that it need not be removed")
		return false
	}
	seen[key] = true
	return true
}

func compileAll(m map[string]Value, field string, seen map[string]bool, o Options, errs *contract.FieldErrors) (out []edit) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		at := contract.Pointer(field, name)
		n, ok := fieldName(name, o, at, errs)
		if !ok || !once(seen, name, at, errs) {
			continue
		}
		if e, ok := compileValue(m[name], o, at, errs); ok {
			e.name = n
			out = append(out, e)
		}
	}
	return out
}

func fieldName(name string, o Options, at string, errs *contract.FieldErrors) (policy.Name, bool) {
	n, err := policy.HeaderName(name)
	if err != nil {
		errs.Add(at, err.Error())
		return n, false
	}
	if strings.Contains(name, "_") {
		// CGI and WSGI can't tell X_Name from X-Name.
		errs.Add(at, `a field name with "_" can't be told from one with "-" by many backends; use "-"`)
		return n, false
	}
	if why, protected := o.Protected(name); protected {
		errs.Add(at, why)
		return n, false
	}
	return n, true
}

func compileValue(v Value, o Options, at string, errs *contract.FieldErrors) (e edit, ok bool) {
	if v.Secret != "" {
		if o.Secret == nil {
			errs.Add(at, "a secret can't stand here: whoever reads the answer would see it")
			return e, false
		}
		value, err := o.Secret(v.Secret)
		if err != nil {
			errs.Add(at+"/secret", err.Error())
			return e, false
		}
		if !Legal(string(value)) {
			errs.Add(at+"/secret", "the secret holds a control character, which no header field can carry")
			return e, false
		}
		return edit{literal: string(value), fixed: true}, true
	}
	if !Legal(v.Text) {
		errs.Add(at, "has a control character or line break")
		return e, false
	}
	t, err := template.Parse(v.Text, template.Options{Vars: o.Vars, Params: o.Params})
	if err != nil {
		errs.Add(at, err.Error())
		return e, false
	}
	e.text = t
	e.literal, e.fixed = t.Literal()
	return e, true
}

// Legal reports whether s may stand as a field's value (RFC 9110 5.5).
func Legal(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x20 && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
