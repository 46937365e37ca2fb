# A key that lives as long as the run, to try the gateway out.
ephemeral "tollgate_api_key" "smoke" {
  gateway  = tollgate_gateway.shop.name
  consumer = tollgate_consumer.acme.name
}
