module github.com/tollgate/tollgate/services

go 1.26.0

require (
	github.com/tollgate/tollgate/gateway-edge v0.0.0
	github.com/tollgate/tollgate/migrations v0.0.0
	github.com/tollgate/tollgate/services/contract v0.0.0
)

require github.com/google/uuid v1.6.0 // indirect

replace (
	github.com/tollgate/tollgate/gateway-edge => ../gateway-edge
	github.com/tollgate/tollgate/migrations => ../migrations
	github.com/tollgate/tollgate/services/contract => ./contract
)
