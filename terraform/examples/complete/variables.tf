variable "name" {
  description = "Name of the gateway; its host begins with it"
  type        = string
  default     = "shop"
}

variable "issuer" {
  description = "Issuer of the users' tokens"
  type        = string
}

variable "orders_urls" {
  description = "The two instances of the service orders"
  type        = list(string)
}

variable "catalogue_url" {
  description = "The service catalogue"
  type        = string
}

variable "origins" {
  description = "Origins whose pages may call the API"
  type        = list(string)
  default     = ["https://shop.example.com"]
}

variable "backend_token" {
  description = "What the backends want to see"
  type        = string
  sensitive   = true
}

variable "plans" {
  description = "Usage plans: requests a second and a month"
  type        = map(object({ rate = number, monthly = number }))
  default = {
    bronze = { rate = 10, monthly = 10000 }
    gold   = { rate = 100, monthly = 1000000 }
  }
}

variable "partners" {
  description = "Partners and their usage plans"
  type        = map(string)
  default     = { acme = "gold", tiny = "bronze" }
}

variable "mail" {
  description = "Who hears of errors"
  type        = string
  default     = "ops@example.com"
}
