data "tollgate_alert" "example" {
  gateway = "shop"
  name    = "errors"
}
