data "tollgate_member" "example" {
  email = "ada@example.com"
}
