// Package event says what a gateway's webhooks tell of: the types of events and
// the payload of each, in one table. Whoever changes something puts an Event into
// the change that it records; the store writes it down for each webhook that wants
// it, in the same transaction.
//
// A message is JSON of the form that Standard Webhooks
// (https://github.com/standard-webhooks/standard-webhooks) describes: id, type,
// timestamp and data. Its data name the gateway, who did it, and what it is about.
package event
