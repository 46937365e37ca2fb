// Package terraform drives the provider as a team does: the real terraform binary of
// the PATH, the built provider from a mirror on the disk, a whole Tollgate. It knows
// no more of the provider than `terraform providers schema` says.
package terraform
