resource "tollgate_member" "ada" {
  email = "ada@example.com"
  role  = "developer"
}
