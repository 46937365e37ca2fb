// Package webhook sends what happens to a gateway to receivers of the tenant's
// own: outgoing webhooks after Standard Webhooks
// (https://github.com/standard-webhooks/standard-webhooks).
//
// Package event says what they can be told. Whatever changes something records its
// events, and the store writes a delivery of each for every webhook that wants it,
// in the transaction of the change: nothing is lost, and nothing is sent of what was
// rolled back.
//
// A Sender sends the deliveries. It takes webhooks that have something due, each for
// a short lease that it prolongs while it lives, and sends a few deliveries of each
// at once before others have their turn. A delivery is sent at least once: what a
// worker does not settle before it dies is sent again under the same id.
//
// Addresses are judged when they are written and again when they are dialled.
package webhook
