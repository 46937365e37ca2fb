data "tollgate_stream" "example" {
  gateway = "shop"
  name    = "database"
}
