resource "tollgate_usage_plan" "gold" {
  gateway    = tollgate_gateway.shop.name
  name       = "gold"
  rate_limit = { rate = 50, per = "second", burst = 100 }
  quota      = { limit = 1000000, period = "month" }
}
