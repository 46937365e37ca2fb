// Package stripebill is Stripe behind billing.Provider: the only package that
// knows stripe-go. It speaks API version 2023-10-16, which stripe-go v76 pins, and
// keeps no state but its pace: a bucket of tokens, and a pause where Stripe asked
// for one by 429.
//
// What costs money or makes something is sent with an Idempotency-Key that the
// caller gives, and never repeated here: the caller knows what an unknown outcome
// means. Errors become billing.ProviderError, which holds no message of Stripe's,
// since those may quote what a customer typed.
//
// Usage goes to billing meters with hourly windows, one a paid plan; Records takes
// usage records instead, for accounts on which they still exist (ADR 0931).
package stripebill
