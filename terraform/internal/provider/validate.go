package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/santhosh-tekuri/jsonschema/v6"
	wrongness "github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/tollgate/tollgate/terraform/internal/shape"
)

// ValidateConfig says what is wrong with a configuration by the API's schemas and
// the policies': every bad attribute at once, without a call.
func (r *kindResource) ValidateConfig(_ context.Context, req resource.ValidateConfigRequest, res *resource.ValidateConfigResponse) {
	body, ok := sent(&res.Diagnostics, r.k.body, req.Config.Raw, req.Config.Raw)
	if !ok {
		return
	}
	validate(&res.Diagnostics, r.k.input, r.k.body, body)
	r.validateKey(&res.Diagnostics, r.key(req.Config.Raw))
}

// nameComponent is the API's schema of a name.
const nameComponent = "Name"

// host is a domain of at least two labels, of which the first may be *. Labels of other
// scripts are left to the API.
var host = regexp.MustCompile(`^(\*\.)?([^\s/.*:@?#%]{1,63}\.)+[^\s/.*:@?#%]{1,63}\.?$`)

// validateKey checks what stands in the path alone, where it is known.
func (r *kindResource) validateKey(d *diag.Diagnostics, key string) {
	at := path.Root(r.k.key)
	switch {
	case !r.k.apart || key == "":
	case r.k.key == attrHost && (!host.MatchString(key) || len(key) > 253):
		d.AddAttributeError(at, "The value is not valid", "want a domain such as api.example.com or *.example.com")
	case r.k.key == attrName:
		s, err := load()
		if err != nil {
			d.AddError("The provider's schemas can't be read", err.Error())
			return
		}
		c := &checker{schemas: s}
		name, err := compiled.component(s, nameComponent)
		c.run("", name, err, key)
		for _, f := range c.found {
			d.AddAttributeError(at, "The value is not valid", f.detail)
		}
	}
}

// validators compiles schemas once; policies are under their type.
type validators struct {
	mu  sync.Mutex
	all map[string]*jsonschema.Schema
}

var compiled = validators{all: map[string]*jsonschema.Schema{}}

func (v *validators) component(s *schemas, name string) (*jsonschema.Schema, error) {
	return v.get("component "+name, func(c *jsonschema.Compiler) (string, error) {
		all := shape.Schema{}
		for n, component := range s.Components {
			all[n] = component
		}
		return "api.json" + localRef + name, c.AddResource("api.json", shape.Schema{"components": shape.Schema{"schemas": all}})
	})
}

func (v *validators) policy(s *schemas, typ string) (*jsonschema.Schema, error) {
	i := slices.IndexFunc(s.Policies, func(p policyType) bool { return p.Type == typ })
	if i < 0 {
		return nil, nil
	}
	return v.get("policy "+typ, func(c *jsonschema.Compiler) (string, error) {
		schema := maps.Clone(s.Policies[i].Schema)
		delete(schema, "$id") // references stay inside
		return typ + ".json", c.AddResource(typ+".json", schema)
	})
}

func (v *validators) get(name string, add func(*jsonschema.Compiler) (string, error)) (*jsonschema.Schema, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if s := v.all[name]; s != nil {
		return s, nil
	}
	c := jsonschema.NewCompiler()
	at, err := add(c)
	if err != nil {
		return nil, err
	}
	s, err := c.Compile(at)
	if err == nil {
		v.all[name] = s
	}
	return s, err
}

// validate checks a body, in which values may be unknown, against a component and
// its policies against their schemas.
func validate(d *diag.Diagnostics, component string, t *shape.Type, body shape.Schema) {
	for _, f := range check(d, component, body) {
		report(d, t.Path(any(body), f.pointer), "The value is not valid", f.detail)
	}
}

func check(d *diag.Diagnostics, component string, body shape.Schema) []finding {
	s, err := load()
	if err != nil {
		d.AddError("The provider's schemas can't be read", err.Error())
		return nil
	}
	c := &checker{schemas: s}
	known := c.prune("", any(body))
	whole, err := compiled.component(s, component)
	c.run("", whole, err, known)
	c.tagged("", known)
	return c.found
}

// report adds an error at an attribute, and names it where Terraform shows no more
// than the attribute that holds it.
func report(d *diag.Diagnostics, at path.Path, summary, detail string) {
	switch len(at.Steps()) {
	case 0:
		d.AddError(summary, detail)
	case 1:
		d.AddAttributeError(at, summary, detail)
	default:
		d.AddAttributeError(at, summary, at.String()+": "+detail)
	}
}

type checker struct {
	schemas *schemas
	unknown []string // pointers
	found   []finding
}

// prune takes unknown values out and remembers where they were.
func (c *checker) prune(at string, v any) any {
	switch v := v.(type) {
	case shape.Schema:
		out := shape.Schema{}
		for k, e := range v {
			below := at + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(k)
			if _, no := e.(shape.Unknown); no {
				c.unknown = append(c.unknown, below)
				continue
			}
			out[k] = c.prune(below, e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			below := fmt.Sprint(at, "/", i)
			if _, no := e.(shape.Unknown); no {
				c.unknown = append(c.unknown, below)
				continue
			}
			out[i] = c.prune(below, e)
		}
		return out
	}
	return v
}

// tagged checks the configurations of policies and integrations.
func (c *checker) tagged(at string, v any) {
	switch v := v.(type) {
	case shape.Schema:
		typ, isTag := v["type"].(string)
		if config, ok := v["config"].(shape.Schema); ok && isTag {
			if s, err := compiled.policy(c.schemas, typ); s != nil || err != nil {
				c.run(at+"/config", s, err, config)
			}
			return
		}
		for k, e := range v {
			c.tagged(at+"/"+k, e)
		}
	case []any:
		for i, e := range v {
			c.tagged(fmt.Sprint(at, "/", i), e)
		}
	}
}

var english = message.NewPrinter(language.English)

func (c *checker) run(at string, s *jsonschema.Schema, err error, v any) {
	if err == nil {
		err = s.Validate(v)
	}
	var wrong *jsonschema.ValidationError
	if errors.As(err, &wrong) {
		c.leaves(at, wrong)
	} else if err != nil {
		c.found = append(c.found, finding{at, err.Error()})
	}
}

// leaves lists what is wrong at the places where it is. Of alternatives, none of
// which fits, the place itself is named with what each lacks.
func (c *checker) leaves(at string, e *jsonschema.ValidationError) {
	here := at
	for _, step := range e.InstanceLocation {
		here += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(step)
	}
	switch k := e.ErrorKind.(type) {
	case *wrongness.AnyOf, *wrongness.OneOf:
		c.add(here, "needs one of: "+alternatives(e))
		return
	case *wrongness.Required:
		c.add(here, "needs "+strings.Join(k.Missing, ", "))
		return
	case *wrongness.Not:
		c.add(here, "has attributes that can't stand together")
		return
	}
	if len(e.Causes) == 0 {
		c.add(here, e.ErrorKind.LocalizedString(english))
		return
	}
	for _, cause := range e.Causes {
		c.leaves(at, cause)
	}
}

func alternatives(e *jsonschema.ValidationError) string {
	var out []string
	for _, cause := range e.Causes {
		text := cause.ErrorKind.LocalizedString(english)
		if k, ok := cause.ErrorKind.(*wrongness.Required); ok {
			text = strings.Join(k.Missing, " and ")
		} else if len(cause.Causes) > 0 {
			text = alternatives(cause)
		}
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return strings.Join(out, "; ")
}

// add notes a finding that no unknown value could be the reason of.
func (c *checker) add(at, detail string) {
	for _, u := range c.unknown {
		if strings.HasPrefix(u, at) || strings.HasPrefix(at, u) {
			return
		}
	}
	if f := (finding{at, detail}); !slices.Contains(c.found, f) {
		c.found = append(c.found, f)
	}
}
