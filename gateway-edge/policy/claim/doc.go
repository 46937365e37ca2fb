// Package claim looks into a token's claims as policies do: a claim by its name or
// by a JSON pointer, and whether it is one of some values; and reads
// objects of claims strictly, so that no two readers see different ones. It verifies
// nothing.
package claim
