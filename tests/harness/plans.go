package harness

import (
	"os"
	"path/filepath"
)

// plans gives everybody who signs up a plan that no test's load reaches, so that
// a refusal is never the subscription's: the tests of its limits set their own file.
const plans = `{"default": "free", "unverified_requests_per_day": 100, "plans": [{
  "name": "free", "num": 1, "title": "Test", "included_requests": 1000000000,
  "requests_per_second": 1000000, "burst": 1000000, "concurrency": 100000,
  "gateways": 10000, "consumers": 1000000, "keys": 1000000, "max_body_bytes": 1073741824,
  "log_retention": "24h", "currency": "usd", "price_cents": 0
}]}`

// writePlans writes the plans file and returns its path.
func (c *Cluster) writePlans() string {
	c.T.Helper()
	path := filepath.Join(c.Dir, "plans.json")
	must(c.T, os.WriteFile(path, []byte(plans), 0o644))
	return path
}
