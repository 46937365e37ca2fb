module github.com/tollgate/tollgate/portal

go 1.26.0

require (
	github.com/tollgate/tollgate/gateway-edge v0.0.0
	github.com/tollgate/tollgate/services v0.0.0
	github.com/tollgate/tollgate/services/contract v0.0.0
	github.com/tollgate/tollgate/migrations v0.0.0
	github.com/tollgate/tollgate/portal/client v0.0.0
)

replace (
	github.com/tollgate/tollgate/gateway-edge => ../gateway-edge
	github.com/tollgate/tollgate/services => ../services
	github.com/tollgate/tollgate/services/contract => ../services/contract
	github.com/tollgate/tollgate/migrations => ../migrations
	github.com/tollgate/tollgate/portal/client => ./client
)
