terraform {
  required_version = ">= 1.11"
  required_providers {
    tollgate = {
      source = "tollgate/tollgate"
    }
  }
}

# The token comes from TOLLGATE_API_TOKEN.
provider "tollgate" {
  url             = "https://portal.example.com"
  wait_until_live = true
}
