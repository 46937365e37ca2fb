package sql

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/claim"
	"github.com/tollgate/tollgate/gateway-edge/policy/document"
	"github.com/tollgate/tollgate/gateway-edge/policy/query"
	"github.com/tollgate/tollgate/services/contract"
)

// arguments converts what the request holds into the statement's parameters. Every
// bad one is in the error.
func (p *statement) arguments(x *policy.Exchange) (args []any, errs contract.FieldErrors) {
	var body map[string]any
	if p.body && x.Body().Len() > 0 {
		v, err := document.ParseJSON(document.Whole(x.Body()))
		var ok bool
		if body, ok = v.(map[string]any); err != nil || !ok {
			errs.Add("/body", "is no JSON object")
			return nil, errs
		}
	}
	for i := range p.parameters {
		c := &p.parameters[i]
		v, given, err := c.find(x, body)
		switch {
		case err == nil && !given && c.Optional:
			v = c.value
		case err == nil && !given:
			err = errors.New("is missing")
		}
		if err != nil {
			errs.Add(strings.TrimSuffix("/"+c.From+"/"+c.Name, "/"), err.Error())
		}
		args = append(args, v)
	}
	return args, errs
}

// find looks a parameter up; given is false where the request has none.
func (c *parameter) find(x *policy.Exchange, body map[string]any) (v any, given bool, err error) {
	var t policy.Text
	switch c.From {
	case "path":
		t, given = x.Param(c.Name)
	case "header":
		t, given = x.Request().Header.Get(c.header)
	case "query":
		for name, value := range query.Each(x.Request().Query) {
			if query.NameIs(name, c.Name) {
				s, err := url.QueryUnescape(value.Clone())
				if err != nil {
					return nil, true, errors.New("has a broken escape")
				}
				v, err = fromText(s, c.Type)
				return v, true, err
			}
		}
		return nil, false, nil
	case "consumer":
		if who := x.Principal(); who != nil && who.ConsumerName != "" {
			v, err = fromText(who.ConsumerName, c.Type)
			return v, true, err
		}
		return nil, false, nil
	case "claim":
		if who := x.Principal(); who != nil {
			v = claim.Lookup(who.Claims, c.Name)
		}
	case "body":
		v = body[c.Name]
	}
	if c.From == "claim" || c.From == "body" {
		if v == nil {
			return nil, false, nil
		}
		v, err = fromValue(v, c.Type)
		return v, true, err
	}
	if !given {
		return nil, false, nil
	}
	v, err = fromText(t.Clone(), c.Type)
	return v, true, err
}

// fromText converts a text to a type.
func fromText(s, typ string) (any, error) {
	if strings.IndexByte(s, 0) >= 0 {
		return nil, errors.New("holds a zero byte")
	}
	switch typ {
	case "integer":
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n, nil
		}
		return nil, errors.New("is no integer of 64 bits")
	case "number":
		if n, err := strconv.ParseFloat(s, 64); err == nil && n-n == 0 {
			return n, nil
		}
		return nil, errors.New("is no number")
	case "boolean":
		if s == "true" || s == "false" {
			return s == "true", nil
		}
		return nil, errors.New("is neither true nor false")
	case "timestamp":
		if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
			return t, nil
		}
		return nil, errors.New("is no time such as 2026-11-22T12:00:00Z")
	case "uuid":
		if b, err := hex.DecodeString(strings.ReplaceAll(s, "-", "")); err == nil && len(b) == 16 && len(s) == 36 {
			return [16]byte(b), nil
		}
		return nil, errors.New("is no UUID")
	case "json":
		if !json.Valid([]byte(s)) {
			return nil, errors.New("is no JSON")
		}
		return json.RawMessage(s), nil
	}
	return s, nil
}

// fromValue converts a JSON value to a type: a scalar as its text, anything else
// as json only.
func fromValue(v any, typ string) (any, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return fromJSON(b, typ)
}

func fromJSON(raw json.RawMessage, typ string) (any, error) {
	raw = bytes.TrimSpace(raw)
	if typ == "json" {
		return raw, nil
	}
	switch raw[0] {
	case 'n':
		return nil, nil
	case '"':
		if typ == "integer" || typ == "number" || typ == "boolean" {
			return nil, fmt.Errorf("is a text and no %s", typ)
		}
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, err
		}
		return fromText(s, typ)
	case '{', '[':
		return nil, fmt.Errorf("is no %s", typ)
	}
	return fromText(string(raw), typ)
}
