package provider

// words describe attributes that the API's document does not: they are plain there.
var words = map[string]string{
	"common_name":        "The subject's common name",
	"expires_at":         "Until when it is good, as RFC 3339 writes it; default for ever",
	"fingerprint_sha256": "Of the certificate, in hexadecimal",
	"hash_on":            "What consistent hashing looks at",
	"health":             "How targets are checked",
	"hostname":           "Under which host it answers",
	"issuer":             "Who signed it",
	"keepalive":          "How long connections to targets are kept",
	"match":              "Which requests it takes",
	"not_after":          "Until when it is valid, as RFC 3339 writes it",
	"not_before":         "From when on it is good, as RFC 3339 writes it",
	"outlier_detection":  "Which failures of requests put a target aside",
	"quota":              "Requests in a period",
	"rate_limit":         "Requests in a time",
	"retries":            "Which requests are sent again",
	"timeouts":           "How long each phase of a request may take",
	"tls":                "How targets are spoken to over TLS",
}
