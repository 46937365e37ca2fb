# A real API: signed-in users and partners with keys in front of two upstreams.
terraform {
  required_version = ">= 1.11"
  required_providers {
    tollgate = {
      source = "tollgate/tollgate"
    }
  }
}

provider "tollgate" {
  wait_until_live = true
}

resource "tollgate_gateway" "shop" {
  name = var.name
}

# What the backends are called with. Terraform sends it and keeps no copy.
resource "tollgate_secret" "backend_token" {
  gateway          = tollgate_gateway.shop.name
  name             = "backend-token"
  value_wo         = var.backend_token
  value_wo_version = 1
}

# Two weighted targets with health checks: the second takes a quarter.
resource "tollgate_upstream" "orders" {
  gateway = tollgate_gateway.shop.name
  name    = "orders"
  targets = [
    { url = var.orders_urls[0], weight = 3 },
    { url = var.orders_urls[1], weight = 1 },
  ]
  health = {
    type     = "http"
    path     = "/health"
    interval = "2s"
  }
}

resource "tollgate_upstream" "catalogue" {
  gateway   = tollgate_gateway.shop.name
  name      = "catalogue"
  algorithm = "least_request"
  targets   = [{ url = var.catalogue_url }]
  health    = { type = "tcp" }
}

resource "tollgate_gateway_policies" "shop" {
  gateway = tollgate_gateway.shop.name
  policies = [
    { cors = { allow_origins = var.origins } },
    { request_headers = { set = { "X-Backend-Token" = { secret = tollgate_secret.backend_token.name } } } },
  ]
}

# Users, with tokens of the OpenID Connect provider.
resource "tollgate_route" "orders" {
  gateway  = tollgate_gateway.shop.name
  name     = "orders"
  match    = { path = "/orders/*" }
  upstream = tollgate_upstream.orders.name
  policies = [
    { jwt = { issuer = var.issuer, audiences = ["shop"] } },
    { rate_limit = { rate = 100, per = "second", by = "consumer", scope = "global" } },
  ]
}

# Partners, with keys.
resource "tollgate_route" "catalogue" {
  gateway  = tollgate_gateway.shop.name
  name     = "catalogue"
  match    = { path = "/catalogue/*", methods = ["GET"] }
  upstream = tollgate_upstream.catalogue.name
  policies = [{ api_key = {} }]
}

resource "tollgate_route" "status" {
  gateway  = tollgate_gateway.shop.name
  name     = "status"
  match    = { path = "/status" }
  public   = true
  policies = [{ mock = { status = 200, json = jsonencode({ ok = true }) } }]
}

resource "tollgate_usage_plan" "partner" {
  for_each = var.plans

  gateway    = tollgate_gateway.shop.name
  name       = each.key
  rate_limit = { rate = each.value.rate, per = "second" }
  quota      = { limit = each.value.monthly, period = "month" }
}

resource "tollgate_consumer" "partner" {
  for_each = var.partners

  gateway    = tollgate_gateway.shop.name
  name       = each.key
  usage_plan = tollgate_usage_plan.partner[each.value].name
  metadata   = jsonencode({ managed_by = "terraform" })
}

resource "tollgate_api_key" "partner" {
  for_each = tollgate_consumer.partner

  gateway  = tollgate_gateway.shop.name
  consumer = each.value.name
  name     = "main"
}

resource "tollgate_alert" "errors" {
  gateway   = tollgate_gateway.shop.name
  name      = "errors"
  kind      = "error_rate"
  threshold = 5
  channels  = [{ type = "mail", to = [var.mail] }]
}
