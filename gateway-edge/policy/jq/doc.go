// Package jq runs jq programs of tenants over bodies of callers. Both may be
// hostile, so a program is a fenced one: it reaches its input and nothing else (no
// environment, no files, no further inputs, no modules, no clock but now), it uses
// functions of a list only, and it is bounded in steps, in time and in memory.
//
// The steps are counted by the interpreter's own look at its context, which comes
// before each instruction. Memory is bounded by rewriting the program: whatever
// makes a value that can be larger than its parts (arithmetic on strings, arrays
// and objects, interpolation, constructors, assignments, and the functions of
// grown) is followed by a check of what it made, and whatever could jump by more
// than a factor (repeated strings, joined arrays, far indices, regular expressions
// on long texts) is preceded by one. So no value is much larger than maxWeight at
// any time, and a program that keeps many of them is stopped when the heap has
// grown by maxHeap meanwhile.
//
// It is a helper for policies, not a policy.
package jq
