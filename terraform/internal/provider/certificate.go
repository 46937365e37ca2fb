package provider

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"io"
	"net/http"
	"strings"

	"github.com/tollgate/tollgate/portal/client"
	"github.com/tollgate/tollgate/terraform/internal/shape"
)

func certificateKind() *kind {
	return &kind{
		name: "certificate", input: "CertificateInput", output: "Certificate", key: "name", versioned: true,
		secret: map[string]string{"key_pem_wo": "key_pem"},
		shown:  []string{"names", "common_name", "issuer", "not_before", "not_after", "fingerprint_sha256"},
		doc:    "A certificate of your own for hosts of a gateway. Its key is sent and never stored.",
		proves: func(got, asked shape.Schema) bool {
			chain, _ := asked["chain_pem"].(string)
			leaf, _ := pem.Decode([]byte(chain))
			if leaf == nil {
				return false
			}
			sum := sha256.Sum256(leaf.Bytes)
			known, _ := got["fingerprint_sha256"].(string)
			return strings.EqualFold(strings.ReplaceAll(known, ":", ""), hex.EncodeToString(sum[:]))
		},
		put: func(ctx context.Context, c *client.ClientWithResponses, at address, body io.Reader) (answer, error) {
			return read(c.PutCertificateWithBody(ctx, at.gateway, at.key, nil, mediaJSON, body))
		},
		get: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			return read(c.GetCertificate(ctx, at.gateway, at.key))
		},
		remove: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			return read(c.DeleteCertificate(ctx, at.gateway, at.key, nil))
		},
		list: func(ctx context.Context, c *client.ClientWithResponses, gateway string, limit int, cursor *string) (*http.Response, error) {
			return c.ListCertificates(ctx, gateway, &client.ListCertificatesParams{Limit: &limit, Cursor: cursor})
		},
	}
}
