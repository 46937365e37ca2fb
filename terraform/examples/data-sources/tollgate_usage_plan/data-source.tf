data "tollgate_usage_plan" "example" {
  gateway = "shop"
  name    = "gold"
}
