output "url" {
  description = "Where callers reach the API"
  value       = tollgate_gateway.shop.url
}

output "hostname" {
  value = tollgate_gateway.shop.hostname
}

output "keys" {
  description = "What may be shown of the partners' keys"
  value       = { for name, key in tollgate_api_key.partner : name => key.prefix }
}
