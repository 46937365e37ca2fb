package authz_test

import (
	"strings"
	"testing"

	"github.com/tollgate/tollgate/portal/api"
	"github.com/tollgate/tollgate/portal/internal/authz"
	"github.com/tollgate/tollgate/services/tenant"
)

func TestDocumentIsComplete(t *testing.T) {
	t.Parallel()
	ops, err := authz.New(api.Document)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(ops.List()); n < 70 {
		t.Fatalf("the document has %d operations, want at least 70", n)
	}
	if err := ops.Document.Validate(t.Context()); err != nil {
		t.Fatalf("openapi.yaml is not a valid OpenAPI document: %v", err)
	}
	ids := map[string]bool{}
	for _, o := range ops.List() {
		if ids[o.ID] {
			t.Errorf("operation id %s is used twice", o.ID)
		}
		ids[o.ID] = true
	}
}

func TestDocumentWithAHoleIsRefused(t *testing.T) {
	t.Parallel()
	const head = "openapi: 3.0.3\ninfo: {title: t, version: '1'}\npaths:\n"
	cases := map[string]struct{ doc, want string }{
		"no permission":      {"  /v1/x:\n    get: {operationId: x, security: [{bearer: []}], x-tollgate-scope: organization, responses: {'200': {description: x}}}\n", "permission"},
		"no scope":           {"  /v1/x:\n    get: {operationId: x, security: [{bearer: []}], x-tollgate-permission: 'keys:read', responses: {'200': {description: x}}}\n", "scope"},
		"no security":        {"  /v1/x:\n    get: {operationId: x, security: [], x-tollgate-scope: organization, x-tollgate-permission: 'keys:read', responses: {'200': {description: x}}}\n", "security"},
		"unknown permission": {"  /v1/x:\n    get: {operationId: x, security: [{bearer: []}], x-tollgate-scope: organization, x-tollgate-permission: 'keys:reed', responses: {'200': {description: x}}}\n", "keys:reed"},
		"public and secured": {"  /v1/x:\n    get: {operationId: x, security: [{bearer: []}], x-tollgate-scope: public, x-tollgate-permission: public, responses: {'200': {description: x}}}\n", "public"},
		"gateway scope":      {"  /v1/gateways/{gateway}/x:\n    get: {operationId: x, security: [{bearer: []}], x-tollgate-scope: organization, x-tollgate-permission: 'keys:read', responses: {'200': {description: x}}}\n", "gateway"},
	}
	for name, c := range cases {
		_, err := authz.New([]byte(head + c.doc))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one about %q", name, err, c.want)
		}
	}
}

func TestRolesAreOrdered(t *testing.T) {
	t.Parallel()
	for _, p := range authz.Permissions() {
		if authz.Allowed(tenant.RoleAdmin, nil, p) && !authz.Allowed(tenant.RoleOwner, nil, p) {
			t.Errorf("admin may %s, owner may not", p)
		}
		if authz.Allowed(tenant.RoleDeveloper, nil, p) && !authz.Allowed(tenant.RoleAdmin, nil, p) {
			t.Errorf("developer may %s, admin may not", p)
		}
		if strings.HasSuffix(string(p), ":write") && authz.Allowed(tenant.RoleViewer, nil, p) {
			t.Errorf("viewer may %s", p)
		}
	}
	if authz.Allowed("stranger", nil, authz.GatewaysRead) || authz.Allowed("", nil, authz.GatewaysRead) {
		t.Error("an unknown role is allowed something")
	}
}

func TestScopesOnlyNarrow(t *testing.T) {
	t.Parallel()
	cases := []struct {
		role   tenant.Role
		scopes []string
		p      authz.Permission
		want   bool
	}{
		{tenant.RoleViewer, []string{"*"}, authz.GatewaysWrite, false},
		{tenant.RoleViewer, []string{"gateways:write"}, authz.GatewaysWrite, false},
		{tenant.RoleOwner, []string{"gateways:read"}, authz.GatewaysWrite, false},
		{tenant.RoleOwner, []string{"gateways:read"}, authz.GatewaysRead, true},
		{tenant.RoleOwner, []string{"*"}, authz.GatewaysWrite, true},
		{tenant.RoleOwner, []string{}, authz.GatewaysRead, false},
		{tenant.RoleOwner, nil, authz.GatewaysRead, true},
	}
	for _, c := range cases {
		if got := authz.Allowed(c.role, c.scopes, c.p); got != c.want {
			t.Errorf("Allowed(%s, %v, %s) = %v, want %v", c.role, c.scopes, c.p, got, c.want)
		}
	}
	if authz.Within(tenant.RoleOwner, []string{"gateways:read"}, "*") {
		t.Error("a narrow token can hand on everything")
	}
	if authz.Within(tenant.RoleViewer, nil, "keys:write") {
		t.Error("a viewer can hand on keys:write")
	}
	if !authz.Within(tenant.RoleDeveloper, nil, "*") {
		t.Error("a session can't hand on its own")
	}
}
