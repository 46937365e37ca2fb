resource "tollgate_management_token" "deploy" {
  name   = "deploy"
  scopes = ["gateways:read", "gateways:write"]
}
