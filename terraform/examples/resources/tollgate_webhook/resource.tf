variable "audit_signing_secret" {
  type      = string # whsec_ and the base64 of 24 to 64 bytes
  sensitive = true
  ephemeral = true
}

resource "tollgate_webhook" "audit" {
  gateway                   = tollgate_gateway.shop.name
  name                      = "audit"
  url                       = "https://hooks.example.com/tollgate"
  events                    = ["gateway.updated", "key.created", "key.revoked"]
  signing_secret_wo         = var.audit_signing_secret
  signing_secret_wo_version = 1 # raise it to send another one
}
