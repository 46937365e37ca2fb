data "tollgate_upstream" "example" {
  gateway = "shop"
  name    = "orders"
}
