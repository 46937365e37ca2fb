package gateway

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// ListSecrets returns the names of a gateway's secrets.
func (s *Service) ListSecrets(ctx context.Context, org core.OrganizationID, ref string, page core.Page) (core.List[Secret], error) {
	limit, after, err := page.After()
	if err != nil {
		return core.List[Secret]{}, err
	}
	g, err := s.store.Gateway(ctx, org, ref)
	if err != nil {
		return core.List[Secret]{}, err
	}
	all, err := s.store.Secrets(ctx, org, g.ID)
	if err != nil {
		return core.List[Secret]{}, err
	}
	from := 0
	for from < len(all) && all[from].Name <= after && after != "" {
		from++
	}
	return core.NextPage(all[from:min(len(all), from+limit+1)], limit, func(v Secret) string { return v.Name }), nil
}

// GetSecret returns what may be shown of one secret.
func (s *Service) GetSecret(ctx context.Context, org core.OrganizationID, ref, name string) (*Secret, error) {
	g, err := s.store.Gateway(ctx, org, ref)
	if err != nil {
		return nil, err
	}
	all, err := s.store.Secrets(ctx, org, g.ID)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Name == name {
			return &all[i], nil
		}
	}
	return nil, core.NotFound("secret", name)
}

// PutSecret is the input of Service.PutSecret.
type PutSecret struct {
	Gateway string
	Name    string
	Value   []byte
	IfMatch core.IfMatch // on the secret's revision
	// CreateOnly leaves a secret alone that has another value (412). One of this value
	// was made by the same request, whose answer got lost (RFC 9110, 13.1.1).
	CreateOnly bool
}

// SavedSecret is the answer to a secret's change.
type SavedSecret struct {
	Secret
	Version uint64
	Created bool
}

// PutSecret sets a secret's value. It makes a version, since edges must get it,
// but the history never holds the value.
func (s *Service) PutSecret(ctx context.Context, org core.OrganizationID, in PutSecret) (*SavedSecret, error) {
	errs := checkSecret("", in.Name, in.Value)
	if err := core.Invalid(errs.Err()); err != nil {
		return nil, err
	}
	var v *SecretValue
	created := false
	done, err := s.change(ctx, org, edit{
		gateway: in.Gateway, action: "secret.update", rebase: wholeGateway,
		apply: func(d *draft) error {
			var err error
			v, err = s.sealSecret(d, in)
			if err != nil {
				return err
			}
			created = v.Revision == 0
			d.secrets.puts = []*SecretValue{v}
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	return &SavedSecret{Secret: v.Secret, Version: done.gateway.Version, Created: created}, nil
}

// checkSecret names what is wrong with a secret whose fields stand at a pointer.
func checkSecret(at, name string, secret []byte) (errs contract.FieldErrors) {
	errs.AddAt(at+"/name", core.CheckName(name))
	if len(secret) == 0 {
		errs.Add(at+"/value", "must not be empty")
	}
	if len(secret) > MaxSecretSize {
		errs.Add(at+"/value", fmt.Sprintf("is %d bytes, at most %d are allowed", len(secret), MaxSecretSize))
	}
	return errs
}

func wholeGateway(errs contract.FieldErrors, d *draft) contract.FieldErrors {
	return rebase(errs, "\x00", &d.config)
}

func (s *Service) sealSecret(d *draft, in PutSecret) (*SecretValue, error) {
	v := &SecretValue{Secret: Secret{Name: in.Name, ID: core.NewID(core.PrefixSecret)}}
	for i := range d.source.Secrets {
		if old := &d.source.Secrets[i]; old.Name == in.Name {
			if in.CreateOnly {
				if err := s.sameSecret(d, old, in.Value); err != nil {
					return nil, err
				}
			}
			v.Secret = old.Secret
		}
	}
	if err := in.IfMatch.Check(v.Revision); err != nil {
		return nil, err
	}
	if v.Revision == 0 && len(d.source.Secrets) >= MaxSecrets {
		return nil, core.Errorf(core.CodeLimitReached, "the gateway has %d secrets, the most that one may have: delete one first", MaxSecrets)
	}
	place := d.source.Gateway.ID + "/" + in.Name
	var err error
	if v.Sealed, err = contract.Seal(s.atRest, place, in.Value); err != nil {
		return nil, fmt.Errorf("seal secret: %w", err)
	}
	// Sealed for edges once, here: the document stays a function of the rows.
	if v.EdgeSealed, err = s.edge.SealSecret(place, in.Value); err != nil {
		return nil, fmt.Errorf("seal secret: %w", err)
	}
	return v, nil
}

// sameSecret fails where a secret has another value.
func (s *Service) sameSecret(d *draft, old *SecretValue, value []byte) error {
	was, err := contract.Open(s.atRest, d.source.Gateway.ID+"/"+old.Name, old.Sealed)
	if err != nil {
		return fmt.Errorf("open secret: %w", err)
	}
	if subtle.ConstantTimeCompare(was, value) != 1 {
		return core.Errorf(core.CodePreconditionFailed, "the gateway has a secret %q already, of another value", old.Name)
	}
	return nil
}

// DeleteSecret removes a secret that nothing refers to, and returns the version.
func (s *Service) DeleteSecret(ctx context.Context, org core.OrganizationID, in Delete) (version uint64, err error) {
	done, err := s.change(ctx, org, edit{
		gateway: in.Gateway, action: "secret.delete", rebase: wholeGateway,
		apply: func(d *draft) error {
			for i := range d.source.Secrets {
				v := &d.source.Secrets[i].Secret
				if v.Name != in.Name {
					continue
				}
				if err := in.IfMatch.Check(v.Revision); err != nil {
					return err
				}
				if users := d.config.secretUsers(in.Name); len(users) > 0 {
					return core.Errorf(core.CodeInUse, "the secret %q is used by %s", in.Name, enumerate(users))
				}
				d.secrets.remove = v
				return nil
			}
			return core.NotFound("secret", in.Name)
		},
	})
	if err != nil {
		return 0, err
	}
	return done.gateway.Version, nil
}

// secretUsers names the places whose policies refer to a secret.
func (c *Config) secretUsers(name string) (out []string) {
	if anyRefers(c.Policies, name) {
		out = append(out, "the gateway's policies")
	}
	for i := range c.Routes {
		if anyRefers(c.Routes[i].Steps(), name) {
			out = append(out, "route "+c.Routes[i].Name)
		}
	}
	for i := range c.Upstreams {
		if t := c.Upstreams[i].TLS; t != nil && t.ClientCertificate.Secret == name {
			out = append(out, "upstream "+c.Upstreams[i].Name)
		}
	}
	return out
}

func anyRefers(policies []contract.Policy, name string) bool {
	for i := range policies {
		if !bytes.Contains(policies[i].Config, []byte(`"secret"`)) {
			continue
		}
		var v any
		if err := json.Unmarshal(policies[i].Config, &v); err == nil && refers(v, name) {
			return true
		}
	}
	return false
}

// refers looks for {"secret": name} anywhere in a decoded configuration.
func refers(v any, name string) (found bool) {
	eachSecret(v, func(n string) { found = found || n == name })
	return found
}

// eachSecret calls fn with the name of every {"secret": name} in a decoded
// configuration.
func eachSecret(v any, fn func(name string)) {
	switch v := v.(type) {
	case map[string]any:
		if s, ok := v["secret"].(string); ok && len(v) == 1 {
			fn(s)
		}
		for _, x := range v {
			eachSecret(x, fn)
		}
	case []any:
		for _, x := range v {
			eachSecret(x, fn)
		}
	}
}

func (e *secretEdit) write(tx Tx, g *Gateway) error {
	for _, v := range e.puts {
		if err := tx.PutSecret(g.Organization, g.ID, v); err != nil {
			return err
		}
	}
	if e.remove != nil {
		return tx.DeleteSecret(g.Organization, g.ID, e.remove.ID)
	}
	return nil
}
