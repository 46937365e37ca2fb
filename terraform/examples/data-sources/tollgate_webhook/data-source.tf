data "tollgate_webhook" "example" {
  gateway = "shop"
  name    = "audit"
}
