// Package errorpages is the policy "error_pages": it writes the edge's own errors,
// and where it is told so the backend's bare ones, in the form that the caller
// reads best: problem+json, JSON of the tenant's shape, or an HTML page.
//
// Status, Tollgate-Error and the request id stay. Pages take fixed variables, which
// are escaped for the place where they stand; no template language reaches the
// tenant: variables become the only actions that the page's template has.
package errorpages
