data "tollgate_consumer" "example" {
  gateway = "shop"
  name    = "acme"
}
