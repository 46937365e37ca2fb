// Package release moves the schedules of releases on: it begins them, raises a
// variant's share step by step, and takes all callers out again where the variant
// does worse than its rules allow.
//
// What a release is at stands beside its schedule in the route's configuration
// (contract.ReleaseState), so that every move is a new version of the gateway with a
// line in the audit log, made by the same path as a person's change. Figures come
// from the usage ledger, which edges fill within seconds. Several workers may run: a
// move is made only from the state that was looked at.
//
// It reads no store and sends nothing itself; services/app joins it to both.
package release
