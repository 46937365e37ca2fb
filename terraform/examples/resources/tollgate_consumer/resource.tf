resource "tollgate_consumer" "acme" {
  gateway    = tollgate_gateway.shop.name
  name       = "acme"
  usage_plan = tollgate_usage_plan.gold.name
  metadata   = jsonencode({ contract = "2026-17" })
}
