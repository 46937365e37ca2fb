data "tollgate_certificate" "example" {
  gateway = "shop"
  name    = "wildcard"
}
