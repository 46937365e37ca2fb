package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/openapi"
)

// OpenAPI is a gateway's OpenAPI document with what is in it and who uses it.
type OpenAPI struct {
	openapi.Document
	Version uint64 // of the gateway
	UsedBy  []OpenAPIUse
}

// OpenAPIUse is a policy that holds messages to the gateway's document.
type OpenAPIUse struct {
	Route     string `json:"route,omitempty"` // name; empty: a policy of the whole gateway
	Policy    string `json:"policy"`
	Mode      string `json:"mode,omitempty"` // refuse | report; empty: as the policy does by itself
	Operation string `json:"operation,omitempty"`
}

// OpenAPI returns a gateway's document.
func (s *Service) OpenAPI(ctx context.Context, org core.OrganizationID, ref string) (*OpenAPI, error) {
	c, version, err := s.Config(ctx, org, ref)
	if err != nil {
		return nil, err
	}
	if len(c.OpenAPI) == 0 {
		return nil, core.Errorf(core.CodeNotFound, "the gateway has no OpenAPI document: upload one first")
	}
	return openAPIOf(c, version)
}

func openAPIOf(c *Config, version uint64) (*OpenAPI, error) {
	doc, err := openapi.Describe(c.OpenAPI)
	if err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	return &OpenAPI{Document: *doc, Version: version, UsedBy: nonNil(c.openAPIUses())}, nil
}

// PutOpenAPI is the input of Service.PutOpenAPI.
type PutOpenAPI struct {
	Gateway  string
	Document []byte       // JSON or YAML
	IfMatch  core.IfMatch // on the gateway's version
}

// PutOpenAPI gives a gateway its OpenAPI document, as its next version. Every
// problem is named: in the document below /document, elsewhere by its place.
func (s *Service) PutOpenAPI(ctx context.Context, org core.OrganizationID, in PutOpenAPI) (*OpenAPI, error) {
	doc, errs := openapi.Read(in.Document)
	if len(errs) > 0 {
		return nil, core.Invalid(below("/document", errs))
	}
	done, err := s.change(ctx, org, edit{
		gateway: in.Gateway, ifMatch: in.IfMatch, action: "openapi.update",
		apply: func(d *draft) error {
			d.config.OpenAPI = doc.JSON
			return nil
		},
		rebase: rebaseOpenAPI,
	})
	if err != nil {
		return nil, err
	}
	return openAPIOf(&done.config, done.gateway.Version)
}

// DeleteOpenAPI takes the document away, which no policy may use, and returns the
// version.
func (s *Service) DeleteOpenAPI(ctx context.Context, org core.OrganizationID, ref string, ifMatch core.IfMatch) (uint64, error) {
	done, err := s.change(ctx, org, edit{
		gateway: ref, ifMatch: ifMatch, action: "openapi.delete",
		apply: func(d *draft) error {
			if len(d.config.OpenAPI) == 0 {
				return core.Errorf(core.CodeNotFound, "the gateway has no OpenAPI document")
			}
			if uses := d.config.openAPIUses(); len(uses) > 0 {
				names := make([]string, len(uses))
				for i := range uses {
					names[i] = uses[i].String()
				}
				return core.Errorf(core.CodeInUse, "the OpenAPI document is used by %s", enumerate(names))
			}
			d.config.OpenAPI = nil
			return nil
		},
		rebase: rebaseOpenAPI,
	})
	if err != nil {
		return 0, err
	}
	return done.gateway.Version, nil
}

// String names the policy for people.
func (u *OpenAPIUse) String() string {
	if u.Route == "" {
		return u.Policy + " of the gateway"
	}
	return u.Policy + " of route " + u.Route
}

func rebaseOpenAPI(errs contract.FieldErrors, d *draft) contract.FieldErrors {
	out := make(contract.FieldErrors, 0, len(errs))
	for _, e := range errs {
		if rest, ok := strings.CutPrefix(e.Pointer, "/openapi"); ok && (rest == "" || rest[0] == '/') {
			out.Add("/document"+rest, e.Detail)
		} else {
			out.Add("", d.config.place(e.Pointer)+": "+e.Detail)
		}
	}
	return out
}

func below(prefix string, errs contract.FieldErrors) contract.FieldErrors {
	out := make(contract.FieldErrors, len(errs))
	for i, e := range errs {
		out[i] = contract.FieldError{Pointer: prefix + e.Pointer, Detail: e.Detail}
	}
	return out
}

// checkOpenAPI says what is wrong with a draft's document where it is another one
// than before.
func (c *Config) checkOpenAPI(before *Config) contract.FieldErrors {
	if string(bytes.TrimSpace(c.OpenAPI)) == "null" {
		c.OpenAPI = nil
	}
	if len(c.OpenAPI) == 0 || bytes.Equal(c.OpenAPI, before.OpenAPI) {
		return nil
	}
	doc, errs := openapi.ReadJSON(c.OpenAPI)
	if len(errs) > 0 {
		return below("/openapi", errs)
	}
	c.OpenAPI = doc.JSON
	return nil
}

// openAPIUses are the policies that refer to the gateway's document.
func (c *Config) openAPIUses() (out []OpenAPIUse) {
	add := func(route string, list []contract.Policy) {
		for i := range list {
			if u, ok := openAPIUse(&list[i]); ok {
				u.Route = route
				out = append(out, u)
			}
		}
	}
	add("", c.Policies)
	for i := range c.Routes {
		add(c.Routes[i].Name, c.Routes[i].Policies)
	}
	return out
}

func openAPIUse(p *contract.Policy) (OpenAPIUse, bool) {
	if p.Type != "validate_request" && p.Type != "validate_response" {
		return OpenAPIUse{}, false
	}
	var config struct {
		Mode    string `json:"mode"`
		OpenAPI *struct {
			Operation string          `json:"operation"`
			Document  json.RawMessage `json:"document"`
		} `json:"openapi"`
	}
	if err := json.Unmarshal(p.Config, &config); err != nil || config.OpenAPI == nil || len(config.OpenAPI.Document) > 0 {
		return OpenAPIUse{}, false
	}
	return OpenAPIUse{Policy: p.Type, Mode: config.Mode, Operation: config.OpenAPI.Operation}, true
}

// edgeOpenAPI is the document as edges get it: none where no policy reads it.
func (c *Config) edgeOpenAPI() (json.RawMessage, error) {
	if len(c.OpenAPI) == 0 || len(c.openAPIUses()) == 0 {
		return nil, nil
	}
	out, err := openapi.ForEdges(c.OpenAPI)
	if err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	return out, nil
}
