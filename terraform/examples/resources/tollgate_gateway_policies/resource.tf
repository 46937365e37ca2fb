resource "tollgate_gateway_policies" "shop" {
  gateway = tollgate_gateway.shop.name
  policies = [
    { cors = { allow_origins = ["https://shop.example.com"] } },
    { request_headers = { set = { "X-Backend-Token" = { secret = tollgate_secret.backend_token.name } } } },
  ]
}
