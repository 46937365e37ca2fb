package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"

	"github.com/tollgate/tollgate/portal/client"
	"github.com/tollgate/tollgate/terraform/internal/shape"
)

// api calls the management API. It is shared by all resources of a run.
type api struct {
	c *client.ClientWithResponses
	// waitUntilLive: resources wait for the edges.
	waitUntilLive bool
	view          *view
	plans         *planned
	batches       *batches
	rooms         *rooms
	ids           *ids
	// applying: a change was made. Terraform plans each object once more when it
	// applies, of what the API has judged already.
	applying atomic.Bool
}

// maxAnswer bounds what is read of one answer, in bytes.
const maxAnswer = 64 << 20

// answer is what the API said: the resource and the gateway's version after it.
type answer struct {
	body    shape.Schema
	version int64 // 0: none
}

// read turns a response into an answer or into the API's error.
func read(res *http.Response, err error) (answer, error) {
	if err != nil {
		return answer{}, fmt.Errorf("the management API can't be reached: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return answer{}, fmt.Errorf("the management API's answer broke off: %w", err)
	}
	if err := client.Done(res, raw, nil); err != nil {
		return answer{}, err
	}
	var a answer
	if len(bytes.TrimSpace(raw)) > 0 {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		if err := d.Decode(&a.body); err != nil {
			return answer{}, fmt.Errorf("the management API's answer is no JSON object: %w", err)
		}
	}
	if v := res.Header.Get("Tollgate-Version"); v != "" {
		a.version, _ = strconv.ParseInt(v, 10, 64)
	}
	return a, nil
}

func encode(v any) (io.Reader, error) {
	raw, err := json.Marshal(v)
	return bytes.NewReader(raw), err
}

// live waits until every live edge serves version of a gateway.
func (a *api) live(ctx context.Context, gateway string, version int64) error {
	if version == 0 {
		return nil
	}
	const step = client.Duration("10s")
	for range 6 {
		wait := step
		r, err := a.c.GetLiveWithResponse(ctx, gateway, &client.GetLiveParams{Version: &version, Wait: &wait})
		if err != nil {
			return err
		}
		report, err := client.Result(r.JSON200, r.HTTPResponse, r.Body, nil)
		if err != nil {
			return err
		}
		switch {
		case report.Live:
			return nil
		case report.Reason != nil && *report.Reason != "":
			return fmt.Errorf("version %d of gateway %s is held back: %s", version, gateway, *report.Reason)
		}
	}
	return fmt.Errorf("version %d of gateway %s is not served by every live edge after a minute: see the edges on its page in the portal", version, gateway)
}
