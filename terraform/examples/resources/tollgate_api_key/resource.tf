# The key itself is shown once, by the portal or `tollgate keys rotate`.
resource "tollgate_api_key" "acme" {
  gateway  = tollgate_gateway.shop.name
  consumer = tollgate_consumer.acme.name
  name     = "main"
}
