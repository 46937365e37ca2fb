package httpapi

import (
	"context"
	"net/http"

	"github.com/tollgate/tollgate/portal/internal/authz"
	"github.com/tollgate/tollgate/portal/internal/session"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/developer"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/operator"
	"github.com/tollgate/tollgate/services/tenant"
)

// call is what guard found out about one request. A handler gets it from its
// context.
type call struct {
	requestID string
	client    string // address
	op        *authz.Operation
	request   *http.Request
	response  http.ResponseWriter
	body      []byte // JSON that fits the document; nil for none

	user    tenant.User      // of whoever is signed in
	token   *tenant.Token    // nil for a session
	session *session.Current // nil for a token
	scopes  []string         // nil for a session
	role    tenant.Role      // in the organization
	org     core.OrganizationID
	gateway *gateway.Gateway // for operations of a gateway
	view    *operator.View   // of an operator's session that looks at an organization; else nil

	portal    *developer.Portal  // for operations of a developer portal
	developer *developer.Current // who is signed in there
}

type callKey struct{}

func withCall(ctx context.Context, c *call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// callOf returns the request's call; guard made it before any handler runs.
func callOf(ctx context.Context) *call {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return &call{}
	}
	return c
}

func requestID(ctx context.Context) string { return callOf(ctx).requestID }

// ref is the gateway's id, for services.
func (c *call) ref() string {
	if c.gateway == nil {
		return ""
	}
	return c.gateway.ID
}
