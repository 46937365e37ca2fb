// Package outbound connects the control plane to addresses that tenants chose:
// receivers of webhooks, telemetry destinations. What it reaches is judged when it
// is dialled, whatever a name led to when it was written; redirects are not followed
// and the environment's proxies are not used.
//
// It says why no answer came in words that tell nothing of our own network.
package outbound
