data "tollgate_route" "example" {
  gateway = "shop"
  name    = "orders"
}
