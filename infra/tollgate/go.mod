module github.com/tollgate/tollgate/infra/tollgate

go 1.26.0

require (
	github.com/tollgate/tollgate/gateway-edge v0.0.0
	github.com/tollgate/tollgate/migrations v0.0.0
	github.com/tollgate/tollgate/portal v0.0.0
	github.com/tollgate/tollgate/portal/client v0.0.0
	github.com/tollgate/tollgate/services v0.0.0
	github.com/tollgate/tollgate/services/contract v0.0.0
)

require (
	github.com/alicebob/miniredis/v2 v2.40.0 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/redis/go-redis/v9 v9.23.0 // indirect
	github.com/yuin/gopher-lua v1.1.1 // indirect
	go.uber.org/atomic v1.12.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace (
	github.com/tollgate/tollgate/gateway-edge => ../../gateway-edge
	github.com/tollgate/tollgate/migrations => ../../migrations
	github.com/tollgate/tollgate/portal => ../../portal
	github.com/tollgate/tollgate/portal/client => ../../portal/client
	github.com/tollgate/tollgate/services => ../../services
	github.com/tollgate/tollgate/services/contract => ../../services/contract
)
