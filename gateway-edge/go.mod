module github.com/tollgate/tollgate/gateway-edge

go 1.26.0

require (
	github.com/tollgate/tollgate/services/contract v0.0.0
)

replace (
	github.com/tollgate/tollgate/services/contract => ../services/contract
)
