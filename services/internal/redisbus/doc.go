// Package redisbus is the control plane's side of Redis: Writer is what the
// publisher writes and compares (documents, index, key records, notices, head),
// Reports what the edges say of themselves, and the other parts read usage, logs
// and answers and seed budgets.
//
// Names and encodings are services/contract's; here are the commands, the small
// scripts that refuse to go back, and the batching. Nothing is atomic across two
// keys of different shards, so every step may be repeated.
//
// Redis is never believed: documents and the head are signed, records, reports
// and batches carry a MAC, and what does not verify is treated as missing.
package redisbus
