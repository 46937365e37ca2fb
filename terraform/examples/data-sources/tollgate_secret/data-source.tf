data "tollgate_secret" "example" {
  gateway = "shop"
  name    = "backend-token"
}
