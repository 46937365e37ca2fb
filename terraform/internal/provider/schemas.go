package provider

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/tollgate/tollgate/terraform/internal/shape"
)

//go:embed schemas_gen.json
var schemasJSON []byte

// policyType is an entry of the catalogue of policies.
type policyType struct {
	Type    string       `json:"type"`
	Title   string       `json:"title"`
	Summary string       `json:"summary"`
	Phase   string       `json:"phase"`
	Schema  shape.Schema `json:"schema"`
}

const (
	localRef         = "#/components/schemas/"
	integrationPhase = "integrate"
)

// schemas are the management API's schemas that this release knows.
type schemas struct {
	Components map[string]shape.Schema `json:"components"`
	Policies   []policyType            `json:"policies"`

	policy, integration *shape.Type
}

// load reads the schemas once.
var load = sync.OnceValues(func() (*schemas, error) {
	s := &schemas{}
	if err := json.Unmarshal(schemasJSON, s); err != nil {
		return nil, err
	}
	s.policy = &shape.Type{Kind: shape.Tagged, Doc: "One step on a request's way: exactly one of the types is set"}
	s.integration = &shape.Type{Kind: shape.Tagged, Doc: "What answers in the place of an upstream: exactly one of the types is set"}
	for _, p := range s.Policies {
		t, err := policyShape(p)
		if err != nil {
			return nil, err
		}
		to := s.policy
		if p.Phase == integrationPhase {
			to = s.integration
		}
		to.Fields = append(to.Fields, &shape.Field{Name: p.Type, Type: t, Doc: sentence(p.Summary)})
	}
	for _, t := range []*shape.Type{s.policy, s.integration} {
		slices.SortFunc(t.Fields, func(a, b *shape.Field) int { return strings.Compare(a.Name, b.Name) })
	}
	return s, nil
})

func sentence(s string) string { return strings.TrimRight(s, ".") }

func policyShape(p policyType) (*shape.Type, error) {
	c := &shape.Compiler{Refs: func(ref string) (shape.Schema, bool) {
		name, ok := strings.CutPrefix(ref, "#/$defs/")
		if ref == "#" {
			return p.Schema, true
		}
		defs, _ := p.Schema["$defs"].(shape.Schema)
		s, found := defs[name].(shape.Schema)
		return s, ok && found
	}}
	t, err := c.Compile(p.Schema, p.Type)
	if err != nil {
		return nil, err
	}
	if t.Kind != shape.Object {
		return nil, fmt.Errorf("the schema of policy %s is no object with properties", p.Type)
	}
	return t, nil
}

// component makes the type of a component of the API's document.
func (s *schemas) component(name string) (*shape.Type, error) {
	c := &shape.Compiler{
		Refs: func(ref string) (shape.Schema, bool) {
			to, ok := s.Components[strings.TrimPrefix(ref, localRef)]
			return to, ok
		},
		Named: func(ref string) *shape.Type {
			switch ref {
			case localRef + "Policy":
				return s.policy
			case localRef + "Integration":
				return s.integration
			case localRef + "Duration":
				return nil
			}
			return nil
		},
	}
	of, ok := s.Components[name]
	if !ok {
		return nil, fmt.Errorf("the component %q was not generated: internal/schemagen lists them", name)
	}
	return c.Compile(maps.Clone(of), name)
}
