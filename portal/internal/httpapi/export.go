package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/apikey"
	"github.com/tollgate/tollgate/services/audit"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/tenant"
)

// export is an answer that is written piece by piece, however much there is.
type export struct {
	s     *Server
	ctx   context.Context //nolint:containedctx // lives as long as the answer
	name  string          // of the file
	kind  gen.ExportKind
	write func(*exporter) error
}

// VisitExportAccountResponse writes a user's export.
func (e export) VisitExportAccountResponse(w http.ResponseWriter) error { return e.visit(w) }

// VisitExportOrganizationResponse writes an organization's export.
func (e export) VisitExportOrganizationResponse(w http.ResponseWriter) error { return e.visit(w) }

func (e export) visit(w http.ResponseWriter) error {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s-%s.json"`, e.name, e.s.clock().UTC().Format("2006-01-02")))
	w.WriteHeader(http.StatusOK)
	x := &exporter{s: e.s, ctx: e.ctx, w: w, control: http.NewResponseController(w)}
	x.raw("{")
	x.value("exported_at", e.s.clock().UTC())
	x.value("kind", e.kind)
	err := e.write(x)
	if err == nil {
		x.raw("}\n")
		err = x.err
	}
	if err != nil {
		// What was sent looks whole to nobody: the connection breaks.
		_ = x.control.SetWriteDeadline(time.Unix(1, 0))
		return err
	}
	return nil
}

// exporter writes the fields of one JSON object. Its first error stays.
type exporter struct {
	s       *Server
	ctx     context.Context //nolint:containedctx // lives as long as the answer
	w       io.Writer
	control *http.ResponseController
	comma   bool
	err     error
}

func (x *exporter) raw(text string) {
	if x.err == nil {
		_, x.err = io.WriteString(x.w, text)
	}
}

func (x *exporter) json(v any) {
	if x.err != nil {
		return
	}
	js, err := json.Marshal(v)
	if err != nil {
		x.err = fmt.Errorf("encode export: %w", err)
		return
	}
	_, x.err = x.w.Write(js)
}

// next writes what separates two members or items.
func (x *exporter) next() {
	if x.comma {
		x.raw(",")
	}
	x.comma = true
}

func (x *exporter) open(name, bracket string) {
	x.next()
	if name != "" {
		x.json(name)
		x.raw(":")
	}
	x.raw(bracket)
	x.comma = false
}

func (x *exporter) close(bracket string) {
	x.raw(bracket)
	x.comma = true
}

// value writes one member.
func (x *exporter) value(name string, v any) {
	x.next()
	x.json(name)
	x.raw(":")
	x.json(v)
}

// exportPause bounds how long one page of an export may take to be sent.
const exportPause = time.Minute

// pages writes a member that is a list, page by page.
func pages[T any](x *exporter, name string, read func(core.Page) (core.List[T], error), write func(*T) error) error {
	x.open(name, "[")
	page := core.Page{Limit: core.MaxPage}
	for {
		if err := x.control.SetWriteDeadline(time.Now().Add(exportPause)); err != nil {
			return err
		}
		l, err := read(page)
		if err != nil {
			return err
		}
		for i := range l.Items {
			if err := write(&l.Items[i]); err != nil {
				return err
			}
			if x.err != nil {
				return x.err
			}
		}
		if l.Next == "" {
			break
		}
		page.Cursor = l.Next
	}
	x.close("]")
	return x.err
}

// items writes a list whose items are shown as the API shows them.
func items[T, G any](x *exporter, name string, read func(core.Page) (core.List[T], error), to func(*T) G) error {
	return pages(x, name, read, func(v *T) error {
		x.next()
		x.json(to(v))
		return nil
	})
}

// ExportAccount writes everything that is kept of the user.
func (s *Server) ExportAccount(ctx context.Context, _ gen.ExportAccountRequestObject) (gen.ExportAccountResponseObject, error) {
	c := callOf(ctx)
	return export{s: s, ctx: ctx, name: "tollgate-account", kind: gen.ExportKindAccount, write: func(x *exporter) error {
		return s.exportAccount(x, c)
	}}, nil
}

func (s *Server) exportAccount(x *exporter, c *call) error {
	ctx, user := x.ctx, c.user.ID
	x.value("user", toUser(&c.user))
	linked, err := s.Tenants.Identities(ctx, user)
	if err != nil {
		return err
	}
	x.value("identities", each(linked, s.toIdentity))
	f, err := s.Tenants.Factor(ctx, user)
	if err != nil {
		return err
	}
	x.value("second_factor", gen.TOTP{Enabled: !f.EnabledAt.IsZero(), EnabledAt: instant(f.EnabledAt), RecoveryCodesLeft: f.RecoveryCodes})
	err = items(x, "sessions", reader(ctx, user, s.Tenants.Sessions), toSession(c.session.ID))
	if err != nil {
		return err
	}
	all, err := s.Tenants.Memberships(ctx, user, core.Page{Limit: core.MaxPage})
	if err != nil {
		return err
	}
	x.value("organizations", each(all.Items, toMembership))
	x.open("activity", "[")
	for i := range all.Items {
		org := all.Items[i].Organization.ID
		x.open("", "{")
		x.value("organization", org)
		if err := s.exportTokens(x, org, user); err != nil {
			return err
		}
		if err := s.exportAudit(x, org, audit.Filter{Actor: user}); err != nil {
			return err
		}
		x.close("}")
	}
	x.close("]")
	return x.err
}

// reader binds a list's context and owner.
func reader[O, T any](ctx context.Context, owner O, list func(context.Context, O, core.Page) (core.List[T], error)) func(core.Page) (core.List[T], error) {
	return func(p core.Page) (core.List[T], error) { return list(ctx, owner, p) }
}

// exportTokens writes an organization's management tokens, or those that one user
// made.
func (s *Server) exportTokens(x *exporter, org core.OrganizationID, user string) error {
	return pages(x, "tokens", reader(x.ctx, org, s.Tenants.Tokens), func(t *tenant.Token) error {
		if user == "" || t.UserID == user {
			x.next()
			x.json(toToken(t))
		}
		return nil
	})
}

func (s *Server) exportAudit(x *exporter, org core.OrganizationID, f audit.Filter) error {
	read := func(p core.Page) (core.List[audit.Entry], error) {
		return s.Audit.List(x.ctx, org, f, core.Listing{Page: p})
	}
	return pages(x, "audit", read, func(e *audit.Entry) error {
		line, err := toAuditEntry(e)
		x.next()
		x.json(line)
		return err
	})
}

// ExportOrganization writes everything that is kept of the organization.
func (s *Server) ExportOrganization(ctx context.Context, _ gen.ExportOrganizationRequestObject) (gen.ExportOrganizationResponseObject, error) {
	org := callOf(ctx).org
	return export{s: s, ctx: ctx, name: "tollgate-organization", kind: gen.ExportKindOrganization, write: func(x *exporter) error {
		return s.exportOrganization(x, org)
	}}, nil
}

func (s *Server) exportOrganization(x *exporter, org core.OrganizationID) error {
	o, err := s.Tenants.Organization(x.ctx, org)
	if err != nil {
		return err
	}
	x.value("organization", toOrganization(&o))
	if err := items(x, "members", reader(x.ctx, org, s.Tenants.Members), toMember); err != nil {
		return err
	}
	if err := items(x, "invitations", reader(x.ctx, org, s.Tenants.Invitations), toInvitation); err != nil {
		return err
	}
	if err := s.exportTokens(x, org, ""); err != nil {
		return err
	}
	err = pages(x, "gateways", reader(x.ctx, org, s.Gateways.List), func(g *gateway.Gateway) error { return s.exportGateway(x, org, g) })
	if err != nil {
		return err
	}
	return s.exportAudit(x, org, audit.Filter{})
}

// exportGateway writes one gateway with all that is in it. Secrets are named only.
func (s *Server) exportGateway(x *exporter, org core.OrganizationID, g *gateway.Gateway) error {
	x.open("", "{")
	x.value("id", g.ID)
	x.value("name", g.Name)
	x.value("hostname", g.Hostname)
	config, version, err := s.Gateways.Config(x.ctx, org, g.ID)
	if err != nil {
		return err
	}
	x.value("version", version)
	x.value("config", config)
	secrets := func(p core.Page) (core.List[gateway.Secret], error) {
		return s.Gateways.ListSecrets(x.ctx, org, g.ID, p)
	}
	if err := items(x, "secrets", secrets, toSecret); err != nil {
		return err
	}
	consumers := func(p core.Page) (core.List[gateway.Consumer], error) {
		return s.Consumers.List(x.ctx, org, gateway.ConsumerList{Gateway: g.ID, Listing: core.Listing{Page: p}})
	}
	if err := items(x, "consumers", consumers, toConsumer); err != nil {
		return err
	}
	keys := func(p core.Page) (core.List[apikey.Key], error) {
		return s.Keys.List(x.ctx, org, apikey.List{Gateway: g.ID, Listing: core.Listing{Page: p}})
	}
	if err := items(x, "keys", keys, s.toKey); err != nil {
		return err
	}
	x.close("}")
	return x.err
}
