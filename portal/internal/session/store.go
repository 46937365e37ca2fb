package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/tenant"
)

// errNoContext is for the methods that scs calls only for stores without
// contexts.
var errNoContext = errors.New("session store is used with a context only")

// seenEvery is how often a session's last use is written.
const seenEvery = time.Minute

// store keeps scs's sessions as rows of the tenant domain. The token that it is
// given is a hash already.
type store struct {
	tenants Tenants
	clock   core.Clock
}

func (s *store) FindCtx(ctx context.Context, hash string) ([]byte, bool, error) {
	row, err := s.tenants.FindSession(ctx, hash)
	if core.CodeOf(err) == core.CodeNotFound {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if s.clock().Sub(row.SeenAt) >= seenEvery {
		if err := s.tenants.TouchSession(ctx, hash); err != nil {
			return nil, false, err
		}
	}
	return row.Data, true, nil
}

func (s *store) CommitCtx(ctx context.Context, hash string, data []byte, expires time.Time) error {
	_, values, err := codec{}.Decode(data)
	if err != nil {
		return err
	}
	text := func(key string) string { v, _ := values[key].(string); return v }
	created, err := time.Parse(time.RFC3339Nano, text(keyCreated))
	if err != nil {
		return fmt.Errorf("session without a time: %w", err)
	}
	return s.tenants.PutSession(ctx, tenant.Session{
		TokenHash: hash, ID: text(keyID), UserID: text(keyUser), Data: data,
		Client: text(keyClient), LastClient: text(keyClient), UserAgent: text(keyUserAgent),
		ExpiresAt: expires, SeenAt: s.clock(), CreatedAt: created,
	})
}

func (s *store) DeleteCtx(ctx context.Context, hash string) error {
	return s.tenants.EndSession(ctx, hash)
}

func (*store) Find(string) ([]byte, bool, error)      { return nil, false, errNoContext }
func (*store) Commit(string, []byte, time.Time) error { return errNoContext }
func (*store) Delete(string) error                    { return errNoContext }

// codec writes a session's values, all of them strings, as JSON.
type codec struct{}

type encoded struct {
	Deadline time.Time         `json:"deadline"`
	Values   map[string]string `json:"values"`
}

func (codec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	e := encoded{Deadline: deadline, Values: map[string]string{}}
	for k, v := range values {
		s, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("session value %s is no string", k)
		}
		e.Values[k] = s
	}
	return json.Marshal(e)
}

func (codec) Decode(b []byte) (time.Time, map[string]any, error) {
	var e encoded
	if err := json.Unmarshal(b, &e); err != nil {
		return time.Time{}, nil, fmt.Errorf("decode session: %w", err)
	}
	values := make(map[string]any, len(e.Values))
	for k, v := range e.Values {
		values[k] = v
	}
	return e.Deadline, values, nil
}

var (
	_ scs.CtxStore = (*store)(nil)
	_ scs.Codec    = codec{}
)
