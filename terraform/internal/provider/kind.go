package provider

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/tollgate/tollgate/portal/client"
	"github.com/tollgate/tollgate/terraform/internal/shape"
)

// Names of attributes that many resources have.
const (
	attrGateway = "gateway"
	attrName    = "name"
	attrID      = "id"
	attrHost    = "host"
	attrWait    = "wait_until_live"
)

// address says which object a call is about.
type address struct {
	gateway string // id or name; empty: the organization's own
	key     string // what the API names it by; empty: the gateway has one
}

// call is an operation of the generated client.
type call func(ctx context.Context, c *client.ClientWithResponses, at address, body io.Reader) (answer, error)

// kind is what makes one resource differ from the others.
type kind struct {
	name string // of the resource, without the provider's
	doc  string // Markdown, a paragraph
	// input and output are the components of the API's document that it is sent
	// and answered as.
	input, output string
	// key is the attribute that the API names it by, "" where a gateway has one.
	key string
	// global: it is the organization's, not a gateway's.
	global bool
	// versioned: a change makes a new version of the gateway's configuration.
	versioned bool
	// renamed: the key can be changed in place.
	renamed bool
	// fixed are attributes whose change replaces the object.
	fixed []string
	// filled are attributes that the API fills in where they are left out.
	filled []string
	// shown are attributes of the answer that stand in the state beside id.
	shown []string
	// called are attributes that are not called as in the API's schema, whose name
	// is the key.
	called map[string]string
	// secret are attributes that are sent and never stored, each with its name in
	// the API's schema.
	secret map[string]string

	create, put, get, remove call
	list                     lister // nil: read one by one
	field                    string // its list in a configuration; empty: it is not checked at plan
	// part is what it is called among the parts of a configuration that are changed
	// together; empty: it is changed by itself.
	part string
	// nameless: its id is not the same all its life and does not stand in the state.
	nameless bool
	// left are attributes that are only said when the object is made.
	left []string
	// required are attributes that the API could do without.
	required []string
	// gone says that the object of an answer counts as deleted; nil: none does.
	gone func(body shape.Schema) bool
	// leftovers lists what an apply may have made that was cut off before its state was
	// stored: what is as body asks for, by same where it needs help, and whose secret
	// nobody was shown. nil: the API itself refuses to make it twice.
	leftovers func(ctx context.Context, c *client.ClientWithResponses, at address, body shape.Schema, same func(shape.Schema) bool) ([]shape.Schema, error)
	// blank says that an answer of get stands for nothing: the gateway always has one.
	blank func(body shape.Schema) bool
	// proves says whether an answer is what was asked for, where it does not show all of
	// that; nil: it does.
	proves func(got, asked shape.Schema) bool
	// found completes an answer of get; nil: it stands as it is.
	found func(body shape.Schema)

	apart bool         // the key is no part of what is sent
	shape *shape.Type  // of the resource's attributes
	body  *shape.Type  // of what is sent
	typ   tftypes.Type // of the resource's state
}

// compile makes the kind's shapes.
func (k *kind) compile(s *schemas) error {
	in := &shape.Type{Kind: shape.Object}
	if k.input != "" {
		t, err := s.component(k.input)
		if err != nil {
			return err
		}
		in = t
	}
	k.shape = &shape.Type{Kind: shape.Object}
	for _, f := range in.Fields {
		f.Filled = slices.Contains(k.filled, f.Name)
		if name, ok := k.called[f.Name]; ok {
			f.Name, f.Wire = name, f.Name
		}
		if f.Name == k.key || slices.Contains(k.required, f.Name) {
			f.Required = true
		}
		k.shape.Fields = append(k.shape.Fields, f)
	}
	for name, wire := range k.secret {
		f := in.Field(wire)
		if f == nil {
			return fmt.Errorf("%s has no field %q", k.input, wire)
		}
		f.Name, f.Wire, f.WriteOnly, f.Sensitive = name, wire, true, true
		k.shape.Fields = append(k.shape.Fields, &shape.Field{
			Name: name + versionSuffix, Type: &shape.Type{Kind: shape.Int}, Required: f.Required, Local: true,
			Doc: "Raise it to send `" + name + "` again: Terraform does not store it and can't see that it changed",
		})
	}
	k.body = &shape.Type{Kind: shape.Object, Fields: slices.Clone(k.shape.Fields), Schema: s.Components[k.input]}
	if err := k.addAnswered(s); err != nil {
		return err
	}
	if err := k.addKey(s); err != nil {
		return err
	}
	if !k.global {
		k.shape.Fields = append(k.shape.Fields, &shape.Field{
			Name: attrGateway, Type: &shape.Type{Kind: shape.String}, Required: true, Local: true, Doc: "Name or id of the gateway",
		})
	}
	for _, f := range k.shape.Fields {
		if f.Doc == "" {
			f.Doc = words[f.Name]
		}
	}
	k.typ = k.shape.Terraform()
	return nil
}

// addKey adds the attribute that stands in the path alone, and says how it is compared.
func (k *kind) addKey(s *schemas) error {
	f := k.shape.Field(k.key)
	if f == nil && k.key == "" {
		return nil
	}
	if f == nil {
		f = &shape.Field{Name: k.key, Type: &shape.Type{Kind: shape.String}, Required: true, Doc: "Its name"}
		if k.key == attrName {
			t, err := s.component(nameComponent)
			if err != nil {
				return err
			}
			f.Type = t
		}
		k.shape.Fields = append(k.shape.Fields, f)
		k.apart = true
	}
	if k.key == attrHost || k.key == attrEmail {
		f.Type = &shape.Type{Kind: f.Type.Kind, Doc: f.Type.Doc, Limits: f.Type.Limits, Schema: f.Type.Schema, Fold: true}
	}
	return nil
}

// addAnswered adds the attributes that only the API sets.
func (k *kind) addAnswered(s *schemas) error {
	out, err := s.component(k.output)
	if err != nil {
		return err
	}
	for _, name := range append([]string{attrID}, k.shown...) {
		f := out.Field(name)
		if name == attrID && (f == nil || k.nameless) {
			continue
		}
		if f == nil {
			return fmt.Errorf("%s has no field %q", k.output, name)
		}
		f.Computed, f.Required = true, false
		if name == attrID {
			f.Doc = "Its id"
		}
		k.shape.Fields = append(k.shape.Fields, f)
	}
	return nil
}

// kinds are all resources that are no more than their schema and their calls.
func kinds() []*kind {
	return []*kind{
		gatewayKind(), upstreamKind(), routeKind(), gatewayPoliciesKind(), usagePlanKind(), consumerKind(), secretKind(),
		domainKind(), certificateKind(), streamKind(), alertKind(), webhookKind(), apiKeyKind(), tokenKind(), memberKind(),
	}
}

const (
	mediaJSON = "application/json"
	// versionSuffix ends the name of the attribute that says which value of a
	// write-only one was sent.
	versionSuffix = "_version"
)
