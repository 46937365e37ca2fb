// Package rewrite is the policy "rewrite": it changes the path and the query
// that are sent on.
//
// The route was matched, authenticated and limited by the canonical path; what
// comes out here must be canonical too and may not be moved by dot segments, empty
// segments or escaped separators that a value brings along (reliability.md URI10,
// URI16). A request for which that fails is refused, never sent on as it was.
package rewrite
