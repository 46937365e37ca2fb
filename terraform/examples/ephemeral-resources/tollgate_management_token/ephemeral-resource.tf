ephemeral "tollgate_management_token" "reader" {
  scopes = ["gateways:read"]
}

provider "tollgate" {
  alias = "reader"
  token = ephemeral.tollgate_management_token.reader.token
}
