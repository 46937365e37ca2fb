resource "tollgate_route" "orders" {
  gateway  = tollgate_gateway.shop.name
  name     = "orders"
  match    = { path = "/orders/*", methods = ["GET", "POST"] }
  upstream = tollgate_upstream.orders.name
  policies = [
    { jwt = { issuer = "https://login.example.com", audiences = ["shop"] } },
    { rate_limit = { rate = 100, per = "second", by = "consumer", scope = "global" } },
  ]
}

# An answer without an upstream.
resource "tollgate_route" "status" {
  gateway  = tollgate_gateway.shop.name
  name     = "status"
  match    = { path = "/status" }
  public   = true
  policies = [{ mock = { status = 200, json = jsonencode({ ok = true }) } }]
}
