// Package stripefake is a Stripe for tests: it keeps state, has a clock of its own
// and misbehaves when it is asked to. It speaks API version 2023-10-16 in the
// shapes that stripe-go v76 reads, for the part of Stripe that Tollgate uses:
// customers and their balance, products, prices (licensed, and metered with
// graduated tiers), billing meters with their events and summaries, usage records,
// Checkout, the billing portal, subscriptions with prorations, invoices from draft
// to paid or unpaid, invoice items, the preview of the next invoice, events and
// signed webhooks.
//
// In a test:
//
//	fake := stripefake.New(stripefake.Options{Start: clock.Now()})
//	url, err := fake.Listen("127.0.0.1:0") // also the base URL for stripe-go
//	defer fake.Close()
//
// As a process of its own: tests/cmd/stripefake.
//
// # What is as at Stripe, and easily forgotten
//
//   - An unknown parameter, a missing one, or one of a wrong type answers 400; so
//     does an object of another id in a body (code resource_missing), which in the
//     path answers 404.
//   - Idempotency-Key: the answer of the first request, also where it is an error
//     of 4xx, is given again for 24 h with the header Idempotent-Replayed; the same
//     key with other parameters answers 400 (type idempotency_error). What fails
//     before it is carried out (bad parameters, 429) is not kept.
//   - An invoice embeds its first ten lines; the rest is at /v1/invoices/ID/lines.
//     A graduated price makes one line for every tier that is reached.
//   - The first invoice of a subscription has a line of quantity 0 for each metered
//     item, and period_start equal to period_end. An invoice of a cycle has the
//     period that ended; its base line the one that begins.
//   - A draft that is deleted takes its items with it. One that a subscription's cycle
//     made can't be deleted.
//   - Tiers of a price come only by expand[]=tiers.
//   - A meter of hourly windows keeps the newest event of a customer's hour; which
//     hours an invoice counts is by the events' timestamps, see
//     Options.WholeHours. An identifier is taken for 24 h: code
//     duplicate_meter_event.
//   - Events are kept for 30 days and listed newest first.
//
// # Control
//
// Fake's methods, and the same by HTTP with JSON bodies under /_fake/ (control.go).
// Whatever the fake was asked is in Log, and Replay sends it to stripe-mock, which
// knows every parameter and field.
//
// It keeps everything in memory and must never stand on a public address.
package stripefake
