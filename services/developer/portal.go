package developer

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Bounds of a portal's settings.
const (
	maxName        = 100
	maxTagline     = 200
	maxText        = 5000
	maxOffers      = 20
	maxDescription = 500
	maxKeys        = 20
	defaultKeys    = 5
)

// Overview is a portal as its owner sees it.
type Overview struct {
	Portal
	URL        string
	Developers int
	Pending    int // applications that wait for a decision
}

// Portal returns a gateway's portal; one that was never set is unpublished and
// has the gateway's name.
func (s *Service) Portal(ctx context.Context, g Gateway) (*Overview, error) {
	out := &Overview{URL: s.URL(g.Label)}
	err := s.store.View(ctx, func(r Rows) (err error) {
		if out.Portal, err = portalOf(ctx, r, g); err != nil {
			return err
		}
		if out.Developers, err = r.CountDevelopers(ctx, g.Organization, g.ID); err != nil {
			return err
		}
		out.Pending, err = r.CountPending(ctx, g.Organization, g.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// portalOf reads a portal, or what it is before it is set.
func portalOf(ctx context.Context, r Rows, g Gateway) (Portal, error) {
	p, err := r.FindPortal(ctx, g.Organization, g.ID)
	if core.CodeOf(err) == core.CodeNotFound && err != nil {
		p = Portal{Gateway: g, Settings: Settings{Name: g.GatewayName}}
		err = nil
	}
	p.complete()
	return p, err
}

// complete fills in what an owner left open.
func (p *Portal) complete() {
	if p.Accent == "" {
		p.Accent = defaultAccent
	}
	if p.AccentDark == "" {
		p.AccentDark = defaultAccentDark
	}
	if p.MaxKeys == 0 {
		p.MaxKeys = defaultKeys
	}
}

func (in *Settings) validate() error {
	var errs contract.FieldErrors
	line(&errs, "/name", in.Name, maxName, true)
	line(&errs, "/tagline", in.Tagline, maxTagline, false)
	if !utf8.ValidString(in.Text) || utf8.RuneCountInString(in.Text) > maxText {
		errs.Add("/text", fmt.Sprintf("must be text of at most %d characters", maxText))
	}
	checkAccent(&errs, "/accent", in.Accent, lightPage)
	checkAccent(&errs, "/accent_dark", in.AccentDark, darkPage)
	checkSupport(&errs, in.Support)
	if in.MaxKeys < 0 || in.MaxKeys > maxKeys {
		errs.Add("/max_keys", fmt.Sprintf("must be from 1 to %d", maxKeys))
	}
	if len(in.Plans) > maxOffers {
		errs.Add("/plans", fmt.Sprintf("has %d plans, at most %d are allowed", len(in.Plans), maxOffers))
	}
	seen := map[string]bool{}
	for i, o := range in.Plans {
		at := contract.Pointer("plans", i)
		errs.AddAt(at+"/usage_plan", core.CheckName(o.UsagePlan))
		if seen[o.UsagePlan] {
			errs.Add(at+"/usage_plan", "is on offer already")
		}
		seen[o.UsagePlan] = true
		line(&errs, at+"/title", o.Title, maxName, false)
		line(&errs, at+"/description", o.Description, maxDescription, false)
	}
	return core.Invalid(errs.Err())
}

// line checks a text of one line.
func line(errs *contract.FieldErrors, at, text string, most int, needed bool) {
	switch {
	case needed && strings.TrimSpace(text) == "":
		errs.Add(at, "must not be empty")
	case !utf8.ValidString(text) || utf8.RuneCountInString(text) > most:
		errs.Add(at, fmt.Sprintf("must be text of at most %d characters", most))
	case strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }):
		errs.Add(at, "must be one line without control characters")
	}
}

// checkSupport takes a mail address or an https URL: what a page may link to.
func checkSupport(errs *contract.FieldErrors, text string) {
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	if err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && len(text) <= 512 {
		return
	}
	local, domain, ok := strings.Cut(text, "@")
	if !ok || local == "" || domain == "" || len(text) > 254 || strings.ContainsAny(text, " \t\r\n<>\"'?&,;:\\()[]") || strings.Contains(domain, "@") {
		errs.Add("/support", "must be a mail address or an https URL")
	}
}

// PutPortal is the input of Service.PutPortal.
type PutPortal struct {
	Gateway Gateway
	Settings
	// UsagePlans are the names of the gateway's usage plans, for the check of what
	// is on offer.
	UsagePlans []string
	IfMatch    core.IfMatch
}

// PutPortal sets a gateway's portal.
func (s *Service) PutPortal(ctx context.Context, in PutPortal) (*Overview, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	if err := in.checkPlans(); err != nil {
		return nil, err
	}
	g := in.Gateway
	err := s.store.Tx(ctx, func(tx Tx) error {
		if err := tx.LockGateway(ctx, g.Organization, g.ID); err != nil {
			return err
		}
		p, err := portalOf(ctx, tx, g)
		if err != nil {
			return err
		}
		if err := in.IfMatch.Check(p.Revision); err != nil {
			return err
		}
		was := p.Published
		p.Settings = in.Settings
		if err := tx.PutPortal(ctx, g.Organization, &p); err != nil {
			return err
		}
		return tx.Record(ctx, g.Organization, portalChange(g, "developer_portal.update", map[string]any{
			"published": p.Published, "was_published": was, "plans": len(p.Plans),
		}))
	})
	if err != nil {
		return nil, err
	}
	return s.Portal(ctx, g)
}

func (in *PutPortal) checkPlans() error {
	var errs contract.FieldErrors
	for i, o := range in.Plans {
		known := false
		for _, name := range in.UsagePlans {
			known = known || name == o.UsagePlan
		}
		if !known {
			text := fmt.Sprintf("the gateway has no usage plan %.140q", o.UsagePlan)
			if near, ok := contract.Closest(o.UsagePlan, in.UsagePlans); ok {
				text += fmt.Sprintf("; did you mean %q?", near)
			}
			errs.Add(contract.Pointer("plans", i, "usage_plan"), text)
		}
	}
	return core.Invalid(errs.Err())
}

func portalChange(g Gateway, action string, detail any) core.Change {
	return core.Change{
		Action: action, ResourceType: "developer_portal", ResourceID: g.ID, ResourceName: g.GatewayName, Gateway: g.ID, Detail: detail,
	}
}

// Published finds the published portal at a label. Anything else is not found,
// with one answer.
func (s *Service) Published(ctx context.Context, label string) (*Portal, error) {
	p, err := view(ctx, s, func(r Rows) (Portal, error) { return r.PublishedPortal(ctx, label) })
	if core.CodeOf(err) == core.CodeNotFound && err != nil {
		return nil, core.Errorf(core.CodeNotFound, "there is no such developer portal")
	}
	if err != nil {
		return nil, err
	}
	p.complete()
	return &p, nil
}

// Logo returns a portal's logo as PNG.
func (s *Service) Logo(ctx context.Context, g Gateway) ([]byte, error) {
	return view(ctx, s, func(r Rows) ([]byte, error) { return r.Logo(ctx, g.Organization, g.ID) })
}

// PutLogo checks an image, draws it anew as PNG and stores that; nil takes the
// logo away.
func (s *Service) PutLogo(ctx context.Context, g Gateway, image []byte) (width, height int, err error) {
	var png []byte
	action := "developer_portal.logo_delete"
	if image != nil {
		if png, width, height, err = redraw(image); err != nil {
			return 0, 0, core.Invalid(contract.FieldErrors{{Pointer: "/image", Detail: err.Error()}})
		}
		action = "developer_portal.logo"
	}
	return width, height, s.edit(ctx, g, action, func(tx Tx) error { return tx.PutLogo(ctx, g.Organization, g.ID, png) })
}

// Document returns the uploaded document; CodeNotFound when it is generated.
func (s *Service) Document(ctx context.Context, g Gateway) ([]byte, error) {
	return view(ctx, s, func(r Rows) ([]byte, error) { return r.Document(ctx, g.Organization, g.ID) })
}

// PutDocument stores a document that was checked; nil: generate it again.
func (s *Service) PutDocument(ctx context.Context, g Gateway, doc []byte) error {
	action := "developer_portal.openapi"
	if doc == nil {
		action = "developer_portal.openapi_delete"
	}
	return s.edit(ctx, g, action, func(tx Tx) error { return tx.PutDocument(ctx, g.Organization, g.ID, doc) })
}

// edit changes a portal, which is made unpublished when it is not there.
func (s *Service) edit(ctx context.Context, g Gateway, action string, fn func(Tx) error) error {
	return s.store.Tx(ctx, func(tx Tx) error {
		if err := tx.LockGateway(ctx, g.Organization, g.ID); err != nil {
			return err
		}
		p, err := tx.FindPortal(ctx, g.Organization, g.ID)
		if core.CodeOf(err) == core.CodeNotFound && err != nil {
			p = Portal{Gateway: g, Settings: Settings{Name: g.GatewayName}}
			err = tx.PutPortal(ctx, g.Organization, &p)
		}
		if err != nil {
			return err
		}
		if err := fn(tx); err != nil {
			return err
		}
		return tx.Record(ctx, g.Organization, portalChange(g, action, nil))
	})
}
