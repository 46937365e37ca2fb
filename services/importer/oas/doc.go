// Package oas makes parts of a gateway's configuration of OpenAPI documents (3.0, 3.1
// and Swagger 2), those of Amazon API Gateway and Tollgate's own exports among them,
// and writes such exports.
//
// A document goes through four steps: it is read with the lines of its values
// (services/openapi), brought to version 3 with what does no harm filled in, held to
// the specification, and then walked operation by operation. Each operation becomes a
// route, each server that is used an upstream, each security scheme policies. What a
// document means that a gateway can't do is a row of the report, never left out in
// silence; where it is about protection the operation is refused.
package oas
