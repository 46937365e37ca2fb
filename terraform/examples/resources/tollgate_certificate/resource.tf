variable "key_pem" {
  type      = string
  sensitive = true
  ephemeral = true
}

resource "tollgate_certificate" "wildcard" {
  gateway            = tollgate_gateway.shop.name
  name               = "wildcard"
  chain_pem          = file("${path.module}/chain.pem")
  key_pem_wo         = var.key_pem
  key_pem_wo_version = 1
}
