package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/apikey"
	"github.com/tollgate/tollgate/services/budget"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/developer"
	"github.com/tollgate/tollgate/services/usage"
)

// portalLogoutAnswer takes the cookie back.
type portalLogoutAnswer struct {
	end func(http.ResponseWriter)
	gen.PortalLogout204Response
}

// VisitPortalLogoutResponse takes the cookie back and answers.
func (a portalLogoutAnswer) VisitPortalLogoutResponse(w http.ResponseWriter) error {
	a.end(w)
	return a.PortalLogout204Response.VisitPortalLogoutResponse(w)
}

// PortalLogout ends a session.
func (s *Server) PortalLogout(ctx context.Context, _ gen.PortalLogoutRequestObject) (gen.PortalLogoutResponseObject, error) {
	c := callOf(ctx)
	if err := s.Developers.Logout(ctx, c.developer); err != nil {
		return nil, err
	}
	return portalLogoutAnswer{end: func(w http.ResponseWriter) { s.setPortalCookie(w, c.portal, "") }}, nil
}

// PortalChangePassword sets a password by the old one.
func (s *Server) PortalChangePassword(ctx context.Context, r gen.PortalChangePasswordRequestObject) (gen.PortalChangePasswordResponseObject, error) {
	c := callOf(ctx)
	if err := s.Developers.ChangePassword(ctx, c.portal, c.developer, r.Body.CurrentPassword, r.Body.Password); err != nil {
		return nil, err
	}
	return gen.PortalChangePassword204Response{}, nil
}

// GetPortalMe says who is signed in.
func (s *Server) GetPortalMe(ctx context.Context, _ gen.GetPortalMeRequestObject) (gen.GetPortalMeResponseObject, error) {
	c := callOf(ctx)
	p, err := s.Developers.Profile(ctx, c.portal, c.developer.Developer.ID)
	if err != nil {
		return nil, err
	}
	return gen.GetPortalMe200JSONResponse(toPortalDeveloper(p)), nil
}

// DeletePortalMe deletes the account.
func (s *Server) DeletePortalMe(ctx context.Context, r gen.DeletePortalMeRequestObject) (gen.DeletePortalMeResponseObject, error) {
	c := callOf(ctx)
	if err := s.Developers.Delete(ctx, c.portal, c.developer, r.Body.Password); err != nil {
		return nil, err
	}
	return gen.DeletePortalMe204Response{}, nil
}

// ChoosePortalPlan chooses a usage plan.
func (s *Server) ChoosePortalPlan(ctx context.Context, r gen.ChoosePortalPlanRequestObject) (gen.ChoosePortalPlanResponseObject, error) {
	c := callOf(ctx)
	p, err := s.Developers.Choose(ctx, c.portal, c.developer.Developer.ID, developer.Choose{UsagePlan: r.Body.UsagePlan, Message: value(r.Body.Message)})
	if err != nil {
		return nil, err
	}
	return gen.ChoosePortalPlan200JSONResponse(toPortalDeveloper(p)), nil
}

// WithdrawPortalApplication takes an application back.
func (s *Server) WithdrawPortalApplication(ctx context.Context, _ gen.WithdrawPortalApplicationRequestObject) (gen.WithdrawPortalApplicationResponseObject, error) {
	c := callOf(ctx)
	if err := s.Developers.Withdraw(ctx, c.portal, c.developer.Developer.ID); err != nil {
		return nil, err
	}
	return gen.WithdrawPortalApplication204Response{}, nil
}

func toPortalKey(k *developer.Key) gen.PortalKey {
	return gen.PortalKey{
		ID: k.ID, Name: k.Name, Prefix: k.Prefix, State: gen.PortalKeyState(k.State), CreatedAt: k.CreatedAt,
		ExpiresAt: instant(k.Expires), RevokedAt: instant(k.Revoked), RotatedTo: optional(k.RotatedTo),
	}
}

func toNewPortalKey(k *developer.IssuedKey) (gen.NewPortalKey, error) {
	out, err := recode[gen.NewPortalKey](toPortalKey(&k.Key))
	out.Key = &k.Secret
	if k.Replaces != nil {
		out.Replaces = &struct {
			ExpiresAt time.Time `json:"expires_at"`
			ID        string    `json:"id"`
		}{k.Replaces.Expires, k.Replaces.ID}
	}
	return out, err
}

// ListPortalKeys lists the developer's own keys.
func (s *Server) ListPortalKeys(ctx context.Context, _ gen.ListPortalKeysRequestObject) (gen.ListPortalKeysResponseObject, error) {
	c := callOf(ctx)
	keys, err := s.Developers.ListKeys(ctx, c.portal, &c.developer.Developer)
	if err != nil {
		return nil, err
	}
	return gen.ListPortalKeys200JSONResponse{Items: each(keys, toPortalKey)}, nil
}

// CreatePortalKey makes a key.
func (s *Server) CreatePortalKey(ctx context.Context, r gen.CreatePortalKeyRequestObject) (gen.CreatePortalKeyResponseObject, error) {
	c := callOf(ctx)
	k, err := s.Developers.CreateKey(ctx, c.portal, &c.developer.Developer, value(r.Body.Name))
	if err != nil {
		return nil, err
	}
	out, err := toNewPortalKey(k)
	return gen.CreatePortalKey201JSONResponse(out), err
}

// RotatePortalKey makes a key's successor.
func (s *Server) RotatePortalKey(ctx context.Context, r gen.RotatePortalKeyRequestObject) (gen.RotatePortalKeyResponseObject, error) {
	c := callOf(ctx)
	var overlap *time.Duration
	if r.Body.Overlap != nil {
		d, err := duration("overlap", r.Body.Overlap, apikey.MaxOverlap)
		if err != nil {
			return nil, err
		}
		overlap = &d
	}
	k, err := s.Developers.RotateKey(ctx, c.portal, &c.developer.Developer, r.Key, overlap)
	if err != nil {
		return nil, err
	}
	out, err := toNewPortalKey(k)
	return gen.RotatePortalKey201JSONResponse(out), err
}

// RevokePortalKey ends a key.
func (s *Server) RevokePortalKey(ctx context.Context, r gen.RevokePortalKeyRequestObject) (gen.RevokePortalKeyResponseObject, error) {
	c := callOf(ctx)
	k, err := s.Developers.RevokeKey(ctx, c.portal, &c.developer.Developer, r.Key)
	if err != nil {
		return nil, err
	}
	return gen.RevokePortalKey200JSONResponse(toPortalKey(k)), nil
}

// ownConsumer is the developer's consumer by its id; a query that names none
// would be about everybody.
func ownConsumer(c *call) (id string, ok bool) {
	d := &c.developer.Developer
	return d.ConsumerID, d.ConsumerID != ""
}

// GetPortalUsage answers the developer's own usage.
func (s *Server) GetPortalUsage(ctx context.Context, r gen.GetPortalUsageRequestObject) (gen.GetPortalUsageResponseObject, error) {
	c := callOf(ctx)
	consumer, ok := ownConsumer(c)
	if !ok {
		return nil, core.Errorf(core.CodeNotFound, "there is no usage before a usage plan is chosen")
	}
	series, err := s.Usage.Series(ctx, c.portal.Organization, usage.SeriesInput{
		Gateway: c.portal.ID, From: value(r.Params.From), To: value(r.Params.To), Interval: usage.Interval(value(r.Params.Interval)), Consumer: consumer,
	})
	if err != nil {
		return nil, err
	}
	return gen.GetPortalUsage200JSONResponse(toUsageReport(&series)), nil
}

// portalQuota is a quota with what is left of it, where that is known.
type portalQuota struct {
	*contract.Quota
	Used     *int64     `json:"used,omitempty"`
	Left     *int64     `json:"left,omitempty"`
	ResetsAt *time.Time `json:"resets_at,omitempty"`
}

// GetPortalLimits shows what the developer's plan allows and what is left of it.
func (s *Server) GetPortalLimits(ctx context.Context, _ gen.GetPortalLimitsRequestObject) (gen.GetPortalLimitsResponseObject, error) {
	c := callOf(ctx)
	d := &c.developer.Developer
	if d.Consumer == "" || d.UsagePlan == "" {
		return gen.GetPortalLimits200JSONResponse{}, nil
	}
	g, err := s.portalGateway(ctx, c.portal)
	if err != nil {
		return nil, err
	}
	consumer, err := s.Consumers.Get(ctx, g.Organization, g.ID, d.Consumer)
	if err != nil {
		return nil, err
	}
	plan := consumer.Plan
	if plan == nil {
		return gen.GetPortalLimits200JSONResponse{}, nil
	}
	left, err := s.Budgets.Of(ctx, []budget.Subject{{Gateway: g.Num, Consumer: consumer.Num, Plan: plan}})
	if err != nil {
		return nil, err
	}
	var quota *portalQuota
	if plan.Quota != nil {
		quota = &portalQuota{Quota: plan.Quota}
		for _, b := range left[0] {
			if b.Name == budget.Quota {
				quota.Used, quota.Left, quota.ResetsAt = b.Used, b.Remaining, instant(b.ResetsAt)
			}
		}
	}
	out, err := recode[gen.PortalLimits](struct {
		UsagePlan   string         `json:"usage_plan"`
		RateLimit   *contract.Rate `json:"rate_limit,omitempty"`
		Concurrency int            `json:"concurrency,omitempty"`
		Quota       *portalQuota   `json:"quota,omitempty"`
	}{d.UsagePlan, plan.RateLimit, plan.Concurrency, quota})
	return gen.GetPortalLimits200JSONResponse(out), err
}
