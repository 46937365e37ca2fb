package observe

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/gateway-edge/internal/edgetest"
	"github.com/tollgate/tollgate/services/contract"
)

func startRedis(t testing.TB) *redis.Client {
	t.Helper()
	c := edgetest.StartRedis(t).Client()
	t.Cleanup(func() { c.Close() })
	return c
}

func testKeys(t testing.TB) *contract.EdgeKeys {
	t.Helper()
	r, err := contract.NewRootKeys(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	return &r.Edge
}
