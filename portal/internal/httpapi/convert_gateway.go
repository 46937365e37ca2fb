package httpapi

import (
	"time"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/apikey"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/publish"
)

func (s *Server) toGateway(g *gateway.Gateway) gen.Gateway {
	out := gen.Gateway{
		ID: g.ID, Name: g.Name, Mode: gen.GatewayMode(g.Mode), Hostname: g.Hostname, URL: s.gatewayURL(g), Version: int64(g.Version),
		ManagedBy: optional(g.ManagedBy), ServerTiming: &g.Settings.ServerTiming, CreatedAt: g.CreatedAt, UpdatedAt: g.UpdatedAt,
	}
	if all := g.Settings.ClientCertificates; len(all) > 0 {
		shown := each(all, toClientCertificates)
		out.ClientCertificates = &shown
	}
	if g.Settings.LogSample != nil {
		out.LogSample = new(float32(*g.Settings.LogSample))
	}
	if t := g.Settings.Tracing; t != nil {
		out.Tracing = &gen.Tracing{Sample: float32(t.Sample)}
		if t.Parent != "" {
			out.Tracing.Parent = new(gen.TracingParent(t.Parent))
		}
		if t.Slow != 0 {
			out.Tracing.Slow = new(t.Slow.String())
		}
	}
	return out
}

func (s *Server) gatewayAnswer(g *gateway.Gateway) gen.GatewayAnswerJSONResponse {
	return gen.GatewayAnswerJSONResponse{
		Body:    s.toGateway(g),
		Headers: gen.GatewayAnswerResponseHeaders{ETag: etag(g.Version), TollgateVersion: versionHeader(g.Version)},
	}
}

func toUpstream(it *gateway.Item[contract.Upstream]) (gen.Upstream, error) {
	out, err := recode[gen.Upstream](it.Value)
	out.ManagedBy, out.CreatedAt, out.UpdatedAt = optional(it.ManagedBy), it.CreatedAt, it.UpdatedAt
	return out, err
}

func toRoute(it *gateway.Item[contract.Route]) (gen.Route, error) {
	out, err := recode[gen.Route](it.Value)
	out.ManagedBy, out.CreatedAt, out.UpdatedAt = optional(it.ManagedBy), it.CreatedAt, it.UpdatedAt
	return out, err
}

func toUsagePlan(it *gateway.Item[contract.UsagePlan]) (gen.UsagePlan, error) {
	out, err := recode[gen.UsagePlan](it.Value)
	out.ManagedBy, out.CreatedAt, out.UpdatedAt = optional(it.ManagedBy), it.CreatedAt, it.UpdatedAt
	return out, err
}

func upstreamAnswer(it *gateway.Item[contract.Upstream], version uint64) (gen.UpstreamAnswerJSONResponse, error) {
	body, err := toUpstream(it)
	return gen.UpstreamAnswerJSONResponse{
		Body: body, Headers: gen.UpstreamAnswerResponseHeaders{ETag: etag(it.Revision), TollgateVersion: versionHeader(version)},
	}, err
}

func routeAnswer(it *gateway.Item[contract.Route], version uint64) (gen.RouteAnswerJSONResponse, error) {
	body, err := toRoute(it)
	return gen.RouteAnswerJSONResponse{
		Body: body, Headers: gen.RouteAnswerResponseHeaders{ETag: etag(it.Revision), TollgateVersion: versionHeader(version)},
	}, err
}

func usagePlanAnswer(it *gateway.Item[contract.UsagePlan], version uint64) (gen.UsagePlanAnswerJSONResponse, error) {
	body, err := toUsagePlan(it)
	return gen.UsagePlanAnswerJSONResponse{
		Body: body, Headers: gen.UsagePlanAnswerResponseHeaders{ETag: etag(it.Revision), TollgateVersion: versionHeader(version)},
	}, err
}

func toSecret(s *gateway.Secret) gen.Secret {
	return gen.Secret{ID: s.ID, Name: s.Name, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt}
}

func secretAnswer(s *gateway.Secret, version uint64) gen.SecretAnswerJSONResponse {
	return gen.SecretAnswerJSONResponse{
		Body: toSecret(s), Headers: gen.SecretAnswerResponseHeaders{ETag: etag(s.Revision), TollgateVersion: versionHeader(version)},
	}
}

func toConsumer(c *gateway.Consumer) gen.Consumer {
	out := gen.Consumer{ID: c.ID, Name: c.Name, UsagePlan: optional(c.UsagePlan), CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt}
	if len(c.Metadata) > 0 {
		out.Metadata = &c.Metadata
	}
	if len(c.Identities) > 0 {
		out.Identities = new(each(c.Identities, func(v *gateway.Identity) gen.ConsumerIdentity {
			return gen.ConsumerIdentity{Issuer: v.Issuer, Subject: v.Subject}
		}))
	}
	return out
}

func consumerAnswer(c *gateway.Consumer) gen.ConsumerAnswerJSONResponse {
	return gen.ConsumerAnswerJSONResponse{Body: toConsumer(c), Headers: gen.ConsumerAnswerResponseHeaders{ETag: etag(c.Revision)}}
}

func (s *Server) toKey(k *apikey.Key) gen.Key {
	out := gen.Key{
		ID: k.ID, Prefix: k.Prefix, Name: optional(k.Name), Consumer: k.Consumer.Name, UsagePlan: optional(k.UsagePlan.Name),
		State: gen.KeyState(k.Status(s.clock())), NotBefore: instant(k.NotBefore), ExpiresAt: instant(k.Expires), RevokedAt: instant(k.Revoked),
		CreatedBy: optional(k.CreatedBy), CreatedAt: k.CreatedAt, UpdatedAt: k.UpdatedAt,
	}
	if len(k.Scopes) > 0 {
		out.Scopes = &k.Scopes
	}
	out.Limits = toLimits(&k.Limits)
	if k.RotatedTo != 0 {
		out.RotatedTo = new(apikey.ID(k.RotatedTo))
	}
	return out
}

func (s *Server) keyAnswer(k *apikey.Key) gen.KeyAnswerJSONResponse {
	return gen.KeyAnswerJSONResponse{Body: s.toKey(k), Headers: gen.KeyAnswerResponseHeaders{ETag: etag(k.Version)}}
}

// newKeyAnswer shows a new key with its secret; old is the key that it replaces,
// nil for none.
func (s *Server) newKeyAnswer(k *apikey.Issued, old *apikey.Key) (gen.NewKeyAnswerJSONResponse, error) {
	body, err := recode[gen.NewKey](s.toKey(&k.Key))
	if err != nil {
		return gen.NewKeyAnswerJSONResponse{}, err
	}
	body.Key = &k.Secret
	if old != nil {
		body.Replaces = &struct {
			ExpiresAt time.Time `json:"expires_at"`
			ID        string    `json:"id"`
		}{ExpiresAt: old.Expires, ID: old.ID}
	}
	return gen.NewKeyAnswerJSONResponse{Body: body, Headers: gen.NewKeyAnswerResponseHeaders{ETag: etag(k.Key.Version)}}, nil
}

func configAnswer(c *gateway.Config, version uint64) (gen.ConfigAnswerJSONResponse, error) {
	body, err := recode[gen.Config](c)
	return gen.ConfigAnswerJSONResponse{
		Body: body, Headers: gen.ConfigAnswerResponseHeaders{ETag: etag(version), TollgateVersion: versionHeader(version)},
	}, err
}

func policiesAnswer(list []contract.Policy, version uint64) (gen.PoliciesAnswerJSONResponse, error) {
	if list == nil {
		list = []contract.Policy{}
	}
	items, err := recode[[]gen.Policy](list)
	return gen.PoliciesAnswerJSONResponse{
		Body: gen.Policies{Items: items}, Headers: gen.PoliciesAnswerResponseHeaders{ETag: etag(version), TollgateVersion: versionHeader(version)},
	}, err
}

func toDifference(c *gateway.Change) gen.Difference {
	out := gen.Difference{
		Kind: gen.DifferenceKind(c.Kind), Verb: gen.DifferenceVerb(c.Verb()), ID: optional(c.ID), Name: optional(c.Name),
	}
	if len(c.Before) > 0 {
		out.Before = &c.Before
	}
	if len(c.After) > 0 {
		out.After = &c.After
	}
	return out
}

func toVersion(v *gateway.Version) gen.Version {
	out := gen.Version{Version: int64(v.Version), Summary: v.Summary, CreatedAt: v.CreatedAt}
	out.Author.Kind, out.Author.ID, out.Author.Name = gen.VersionAuthorKind(v.AuthorKind), v.AuthorID, v.AuthorName
	if v.RestoredFrom != 0 {
		out.RestoredFrom = new(int64(v.RestoredFrom))
	}
	return out
}

func toLive(l *publish.Live) (gen.LiveReport, error) {
	type edge struct {
		Edge      string    `json:"edge"`
		Live      bool      `json:"live"`
		Reachable bool      `json:"reachable"`
		TookMS    *int64    `json:"took_ms,omitempty"`
		LastSeen  time.Time `json:"last_seen"`
		Reason    string    `json:"reason,omitempty"`
	}
	edges := each(l.Edges, func(e *publish.EdgeLive) edge {
		return edge{
			Edge: e.ID, Live: e.Live, Reachable: e.Reachable, TookMS: optional(e.After.Milliseconds()),
			LastSeen: e.Seen, Reason: e.Reason,
		}
	})
	return recode[gen.LiveReport](map[string]any{
		"version": l.Version, "published": l.Published, "live": l.Live, "reason": optional(l.Reason), "edges": edges,
	})
}

func toReceipt(k *apikey.Key, r *publish.Receipt) (gen.RevokeReceipt, error) {
	type confirmed struct {
		Edge   string     `json:"edge"`
		At     *time.Time `json:"at,omitempty"`
		TookMS *int64     `json:"took_ms,omitempty"`
	}
	type unreachable struct {
		Edge     string    `json:"edge"`
		LastSeen time.Time `json:"last_seen"`
	}
	ok := each(r.Confirmed, func(c *publish.Confirmation) confirmed {
		out := confirmed{Edge: c.Edge, At: instant(c.At)}
		if out.At != nil {
			out.TookMS = new(max(0, core.Millis(c.At)-core.Millis(k.Revoked)))
		}
		return out
	})
	waiting := r.Waiting
	if waiting == nil {
		waiting = []string{}
	}
	return recode[gen.RevokeReceipt](map[string]any{
		"id": k.ID, "revoked_at": k.Revoked, "complete": r.Complete, "confirmed": ok, "waiting": waiting,
		"unreachable": each(r.Unreachable, func(u *publish.Unreachable) unreachable { return unreachable{u.Edge, u.Seen} }),
	})
}

func toClientCertificates(c *contract.ClientCertificates) gen.ClientCertificates {
	out := gen.ClientCertificates{CaPem: c.CAPEM, CrlPem: optional(c.CRLPEM)}
	if c.Mode != "" {
		mode := gen.ClientCertificatesMode(c.Mode)
		out.Mode = &mode
	}
	for _, part := range []struct {
		to   **[]string
		from []string
	}{{&out.Hosts, c.Hosts}, {&out.Subjects, c.Subjects}, {&out.Sans, c.SANs}} {
		if len(part.from) > 0 {
			*part.to = &part.from
		}
	}
	return out
}
