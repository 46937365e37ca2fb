package apidoc

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/services/contract"
)

// errorGroups are the errors of one status that a caller can meet.
var errorGroups = map[string]struct {
	status int
	codes  []contract.Code
}{
	"BadRequest":     {400, []contract.Code{contract.CodeRequestInvalid, contract.CodeAmbiguousCredentials}},
	"Unauthorized":   {401, []contract.Code{contract.CodeKeyMissing, contract.CodeKeyInvalid, contract.CodeKeyExpired, contract.CodeKeyRevoked, contract.CodeTokenMissing, contract.CodeTokenInvalid, contract.CodeTokenExpired, contract.CodeTokenAudience}},
	"Forbidden":      {403, []contract.Code{contract.CodeForbidden}},
	"BodyTooLarge":   {413, []contract.Code{contract.CodeBodyTooLarge}},
	"TooMany":        {429, []contract.Code{contract.CodeRateLimited, contract.CodeQuotaExceeded, contract.CodeConcurrencyExceeded}},
	"BadGateway":     {502, []contract.Code{contract.CodeUpstreamReset, contract.CodeUpstreamTLS, contract.CodeUpstreamProtocol}},
	"Unavailable":    {503, []contract.Code{contract.CodeUpstreamUnavailable, contract.CodeOverloaded, contract.CodeQuotaUnavailable}},
	"GatewayTimeout": {504, []contract.Code{contract.CodeUpstreamTimeout}},
}

func errorResponses() object {
	out := object{}
	for _, name := range slices.Sorted(maps.Keys(errorGroups)) {
		g := errorGroups[name]
		lines := make([]string, len(g.codes))
		for i, c := range g.codes {
			lines[i] = fmt.Sprintf("`%s`: %s", c, c.Info().Title)
		}
		fields := object{"X-Request-Id": ref("headers", "RequestID"), "Tollgate-Error": ref("headers", "Error")}
		switch g.status {
		case 429:
			fields["Retry-After"] = ref("headers", "RetryAfter")
			fields["RateLimit"] = ref("headers", "RateLimit")
			fields["RateLimit-Policy"] = ref("headers", "RateLimitPolicy")
		case 503:
			fields["Retry-After"] = ref("headers", "RetryAfter")
		}
		out[name] = object{
			"description": strings.Join(lines, "\n\n"), "headers": fields,
			"content": object{"application/problem+json": object{"schema": ref("schemas", "Problem")}},
		}
	}
	return out
}

func ref(kind, name string) object { return object{"$ref": "#/components/" + kind + "/" + name} }

func headers() object {
	text := func(description, example string) object {
		return object{"description": description, "schema": object{"type": "string"}, "example": example}
	}
	return object{
		"RequestID":       text("Names the request; quote it when you ask about it", "01a20151-c8cc-7cec-87eb-766342664329"),
		"Error":           text("The error's stable code", "rate_limited"),
		"RetryAfter":      text("Seconds until it is worth trying again", "12"),
		"RateLimit":       text("What is left: r, and the seconds until it is renewed: t", `"quota";r=49;t=73534`),
		"RateLimitPolicy": text("What is allowed: q in w seconds", `"quota";q=50;w=86400`),
	}
}

func securitySchemes() object {
	return object{
		"api_key": object{"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key of your own"},
		"token":   object{"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
	}
}

func problemSchema() object {
	text := func(description string) object { return object{"type": "string", "description": description} }
	return object{
		"type": "object", "description": "RFC 9457", "required": []string{"type", "title", "status", "code", "request_id"},
		"properties": object{
			"type": text("A name of the kind of problem"), "title": text("One sentence"), "status": object{"type": "integer"},
			"code": text("Stable"), "detail": text("What is wrong with this request"), "request_id": text("As in X-Request-Id"),
		},
	}
}
