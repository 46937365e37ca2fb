data "tollgate_api_key" "example" {
  gateway = "shop"
  id      = "key_qwVeaVaVmc"
}
