resource "tollgate_upstream" "orders" {
  gateway   = tollgate_gateway.shop.name
  name      = "orders"
  algorithm = "least_request"
  targets = [
    { url = "https://orders-1.internal.example", weight = 3 },
    { url = "https://orders-2.internal.example", weight = 1 },
  ]
  health = {
    type     = "http"
    path     = "/health"
    interval = "5s"
  }
}
