package deprecation

import "github.com/tollgate/tollgate/gateway-edge/policy"

var (
	deprecation = policy.FixedName("Deprecation")
	sunset      = policy.FixedName("Sunset")
	links       = policy.FixedName("Link")
)

// OnRequest lets everything pass.
func (p *notice) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action { return x.Next() }

// OnResponse adds the fields, whoever made the response.
func (p *notice) OnResponse(x *policy.Exchange, _ *policy.Slot) policy.Action {
	h := x.Response().Header
	h.Set(deprecation, p.since)
	if p.sunset != "" {
		h.Set(sunset, p.sunset)
	}
	if p.info != "" {
		h.Add(links, p.info)
	}
	if p.successor != "" {
		h.Add(links, p.successor)
	}
	return x.Next()
}
