resource "tollgate_upstream" "database" {
  gateway = tollgate_gateway.shop.name
  name    = "database"
  targets = [{ url = "tcp://db.internal.example:5432" }]
}

resource "tollgate_stream" "database" {
  gateway  = tollgate_gateway.shop.name
  name     = "database"
  protocol = "tcp"
  upstream = tollgate_upstream.database.name
}
