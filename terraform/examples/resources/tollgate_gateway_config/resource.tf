# The whole gateway as one document: one version for all that changes.
resource "tollgate_gateway" "internal" {
  name = "internal"
}

resource "tollgate_gateway_config" "internal" {
  gateway = tollgate_gateway.internal.name
  document = yamlencode({
    upstreams = [{ name = "app", targets = [{ url = "https://app.internal.example" }] }]
    routes = [for name in ["orders", "invoices"] : {
      name     = name
      match    = { path = "/${name}/*" }
      upstream = "app"
      policies = [{ type = "api_key" }]
    }]
  })
}
