package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// Header fields of a message (Standard Webhooks, "Webhook headers").
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp" // Unix seconds of the try
	HeaderSignature = "webhook-signature"
)

// SecretPrefix begins signing secrets, for people and secret scanners.
const SecretPrefix = "whsec_"

// What Standard Webhooks takes ("Signature scheme").
const (
	secretBytes = 24
	mostBytes   = 64
)

// signingKey reads a secret: SecretPrefix and the base64 of 24 to 64 bytes. Its error
// never holds the secret.
func signingKey(secret string) ([]byte, error) {
	text, ok := strings.CutPrefix(secret, SecretPrefix)
	key, err := base64.StdEncoding.Strict().DecodeString(text)
	if !ok || err != nil || len(key) < secretBytes || len(key) > mostBytes || strings.ContainsAny(text, "\r\n") {
		return nil, errors.New("must be whsec_ and the base64 of 24 to 64 bytes")
	}
	return key, nil
}

// newSecret makes a signing secret.
func newSecret() (string, error) {
	var b [secretBytes]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("make signing secret: %w", err)
	}
	return SecretPrefix + base64.StdEncoding.EncodeToString(b[:]), nil
}

// Sign makes one signature of a message: "v1," and the base64 of the HMAC-SHA-256
// over "<id>.<timestamp>.<body>" (Standard Webhooks, "Signature scheme").
func Sign(secret, id string, at time.Time, body []byte) (string, error) {
	key, err := signingKey(secret)
	if err != nil {
		return "", fmt.Errorf("the signing secret %w", err)
	}
	h := hmac.New(sha256.New, key)
	h.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
	h.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil)), nil
}

// signatures are those of a message by every secret that holds, separated by
// spaces.
func (s *Service) signatures(w *Webhook, id string, at time.Time, body []byte) (string, error) {
	sealed := [][]byte{w.Secret}
	if len(w.OldSecret) > 0 && at.Before(w.OldUntil) {
		sealed = append(sealed, w.OldSecret)
	}
	out := make([]string, 0, len(sealed))
	for _, box := range sealed {
		secret, err := contract.Open(s.key, w.ID, box)
		if err != nil {
			return "", fmt.Errorf("open signing secret: %w", err)
		}
		one, err := Sign(string(secret), id, at, body)
		if err != nil {
			return "", err
		}
		out = append(out, one)
	}
	return strings.Join(out, " "), nil
}
