variable "backend_token" {
  type      = string
  sensitive = true
  ephemeral = true
}

resource "tollgate_secret" "backend_token" {
  gateway          = tollgate_gateway.shop.name
  name             = "backend-token"
  value_wo         = var.backend_token
  value_wo_version = 1 # raise it to send another value
}
