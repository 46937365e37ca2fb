data "tollgate_management_token" "example" {
  id = "tok_01m82eq3rge05avn4684rsn7h5"
}
