data "tollgate_domain" "example" {
  gateway = "shop"
  host    = "api.example.com"
}
