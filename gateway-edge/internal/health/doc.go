// Package health checks targets from outside: by HTTP requests or TCP connects
// at the interval their upstream says, through the same dial guard as traffic,
// and tells package balance what came out.
//
// A Runner owns all goroutines: one schedule and a bounded number of workers. It
// also moves balance's clockwork (ejections that end, retry budgets). Checks of a
// new target begin when its configuration is applied, before the first request.
package health
