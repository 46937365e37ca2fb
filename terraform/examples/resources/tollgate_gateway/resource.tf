resource "tollgate_gateway" "shop" {
  name = "shop"
}
