resource "tollgate_domain" "api" {
  gateway     = tollgate_gateway.shop.name
  host        = "api.example.com"
  certificate = "automatic"
}

# What to publish in the DNS.
output "proof" {
  value = tollgate_domain.api.proof
}
