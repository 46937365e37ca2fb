resource "tollgate_alert" "errors" {
  gateway   = tollgate_gateway.shop.name
  name      = "errors"
  kind      = "error_rate"
  threshold = 5
  channels  = [{ type = "mail", to = ["on-call@example.com"] }]
}
