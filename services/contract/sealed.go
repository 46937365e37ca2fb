package contract

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// ErrBadMessage says that a message was malformed or not made by a holder of
// the edge secret.
var ErrBadMessage = errors.New("message is malformed or was tampered with")

// EncodeMessage writes v as JSON behind a MAC for a purpose ("ask", "answer",
// "report", "log"): somebody who can only write to Redis can't forge one.
func EncodeMessage(keys *EdgeKeys, purpose string, v any) ([]byte, error) {
	js, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", purpose, err)
	}
	m := mac(&keys.RecordMAC, "message "+purpose, js)
	return append(m[:16:16], js...), nil
}

// DecodeMessage checks the MAC and reads what EncodeMessage wrote.
func DecodeMessage(keys *EdgeKeys, purpose string, b []byte, v any) error {
	if len(b) < 16 || len(b) > MaxDocument {
		return ErrBadMessage
	}
	if m := mac(&keys.RecordMAC, "message "+purpose, b[16:]); subtle.ConstantTimeCompare(m[:16], b[:16]) != 1 {
		return ErrBadMessage
	}
	dec := json.NewDecoder(bytes.NewReader(b[16:]))
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%w: %v", ErrBadMessage, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return ErrBadMessage
	}
	return nil
}

// EncodeSecretMessage writes v as JSON, encrypted to holders of the edge secret for
// a purpose: what is asked may hold a caller's credentials, which nobody who reads
// Redis may see (KEY10).
func EncodeSecretMessage(keys *EdgeKeys, purpose string, v any) ([]byte, error) {
	js, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", purpose, err)
	}
	return keys.SealSecret("message "+purpose, js)
}

// DecodeSecretMessage reads what EncodeSecretMessage wrote.
func DecodeSecretMessage(keys *EdgeKeys, purpose string, b []byte, v any) error {
	if len(b) > MaxDocument {
		return ErrBadMessage
	}
	js, err := keys.OpenSecret("message "+purpose, b)
	if err != nil {
		return ErrBadMessage
	}
	dec := json.NewDecoder(bytes.NewReader(js))
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%w: %v", ErrBadMessage, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return ErrBadMessage
	}
	return nil
}

// Purposes of messages; those of "ask", "push", "challenge" and "certificate" are secret.
const (
	MessageAsk       = "ask"
	MessagePush      = "push"
	MessageAnswer    = "answer"
	MessageReport    = "report"
	MessageLog       = "log"
	MessageChallenge = "challenge"
)
