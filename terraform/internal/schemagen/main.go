// Command schemagen writes what the provider's attributes are made from: the parts
// of the management API's document that resources send and get, and the policies'
// JSON Schemas.
//
//	go run ./internal/schemagen        in the module terraform, by make gen
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	document  = "../portal/api/openapi.yaml"
	catalogue = "../gateway-edge/policy/builtin/catalogue_gen.json"
	output    = "internal/provider/schemas_gen.json"
	local     = "#/components/schemas/"
)

// roots are the components that resources are made from; what they refer to comes
// along.
var roots = []string{
	"AlertInput", "Alert", "CertificateInput", "Certificate", "Config", "ConsumerInput", "Consumer", "DomainInput", "Domain",
	"GatewayInput", "Gateway", "InvitationInput", "Invitation", "Key", "KeyInput", "KeyUpdate", "Member", "MemberInput", "Policies",
	"RouteInput", "Route", "SecretInput", "Secret", "StreamInput", "Stream", "Token", "TokenInput", "UpstreamInput", "Upstream", "UsagePlanInput", "UsagePlan",
	"WebhookInput", "Webhook",
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "schemagen:", err)
		os.Exit(1)
	}
}

func run() error {
	raw, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	var api struct {
		Components struct {
			Schemas map[string]any `yaml:"schemas"`
		} `yaml:"components"`
	}
	if err := yaml.Unmarshal(raw, &api); err != nil {
		return err
	}
	components := map[string]any{}
	for _, name := range roots {
		if err := collect(name, api.Components.Schemas, components); err != nil {
			return err
		}
	}
	raw, err = os.ReadFile(catalogue)
	if err != nil {
		return err
	}
	var policies []map[string]any
	if err := json.Unmarshal(raw, &policies); err != nil {
		return err
	}
	for _, p := range policies {
		delete(p, "documentation")
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(map[string]any{"components": components, "policies": policies}); err != nil {
		return err
	}
	return os.WriteFile(output, out.Bytes(), 0o644)
}

// collect adds a component and what it refers to.
func collect(name string, from, to map[string]any) error {
	if to[name] != nil {
		return nil
	}
	s, ok := from[name]
	if !ok {
		return fmt.Errorf("%s has no component %q", document, name)
	}
	to[name] = s
	return refs(s, func(ref string) error { return collect(strings.TrimPrefix(ref, local), from, to) })
}

func refs(v any, found func(string) error) error {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if ref, ok := e.(string); ok && k == "$ref" {
				if err := found(ref); err != nil {
					return err
				}
			}
			if err := refs(e, found); err != nil {
				return err
			}
		}
	case []any:
		for _, e := range v {
			if err := refs(e, found); err != nil {
				return err
			}
		}
	}
	return nil
}
