data "tollgate_gateway" "example" {
  name = "shop"
}
