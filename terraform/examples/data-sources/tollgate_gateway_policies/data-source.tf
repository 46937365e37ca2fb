data "tollgate_gateway_policies" "example" {
  gateway = "shop"
}
