package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/infra/tollgate/cli/show"
	"github.com/tollgate/tollgate/portal/client"
)

// carryOut makes the changes that were shown, and with wait ends when every live edge
// serves what was made, also where nothing was left to do. After an error it says what
// is done already.
func (a *App) carryOut(ctx context.Context, api *client.ClientWithResponses, s *sync, changes []*change, wait bool) error {
	for i, c := range changes {
		version, err := a.changeGateway(ctx, api, s, c)
		if wait && version > 0 && ctx.Err() == nil {
			werr := a.waitLive(ctx, api, c.want.Name, version)
			if err != nil && werr != nil {
				a.out.Note("%s: %v", c.want.Name, werr)
			}
			if err == nil {
				err = werr
			}
		}
		if err != nil {
			var rest []string
			for _, later := range changes[i+1:] {
				if !later.empty() {
					rest = append(rest, later.want.Name)
				}
			}
			if len(rest) > 0 {
				a.out.Note("Not begun: gateway %s", strings.Join(rest, ", "))
			}
			return err
		}
	}
	return nil
}

// changeGateway makes one gateway's changes: its configuration, its consumers, and then
// the end of usage plans that the consumers had. It returns the gateway's version, also
// beside an error; 0: nothing was done.
func (a *App) changeGateway(ctx context.Context, api *client.ClientWithResponses, s *sync, c *change) (version int64, err error) {
	g := c.want
	if c.empty() {
		return c.applied.Version, nil
	}
	seen := c.applied.Version
	if c.fresh {
		if seen, err = a.makeGateway(ctx, api, g.Name, g.Mode); err != nil {
			return 0, err
		}
	}
	if version, err = applyOnce(ctx, api, s, c, seen, c.later); err != nil {
		return 0, placed(g, err)
	}
	a.out.Note("Applied gateway %s%s", show.Clean(g.Name), versionText(version))
	var done []string
	for i := range c.consumers {
		one := &c.consumers[i]
		if err := putConsumer(ctx, api, g.Name, one); err != nil {
			if len(done) > 0 {
				a.out.Note("Changed consumers %s", show.Clean(strings.Join(done, ", ")))
			}
			a.out.Note("Changed neither consumer %s nor what comes after it; apply again: what is done is left as it is", show.Clean(one.name))
			return version, fmt.Errorf("%s consumer %s: %w", one.place, one.name, err)
		}
		done = append(done, one.name)
	}
	if len(c.later) == 0 {
		return version, nil
	}
	last, err := applyOnce(ctx, api, s, c, version, nil)
	if err != nil {
		return version, placed(g, err)
	}
	a.out.Note("Deleted the usage plans that its consumers had%s", versionText(last))
	return last, nil
}

// makeGateway makes a gateway and returns its version.
func (a *App) makeGateway(ctx context.Context, api *client.ClientWithResponses, name, mode string) (int64, error) {
	body := object{keyName: name}
	if mode != "" {
		body["mode"] = mode
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	res, err := read(api.CreateGatewayWithBody(ctx, nil, mediaJSON, bytes.NewReader(raw)))
	if err != nil {
		return 0, err
	}
	version, err := strconv.ParseInt(textAt(res.body, "version"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the new gateway %s has no version: %w", name, err)
	}
	a.out.Note("Made gateway %s", show.Clean(name))
	return version, nil
}

// applyOnce sends the files' configuration, where the gateway still has the version that
// was looked at, and returns the version after it.
func applyOnce(ctx context.Context, api *client.ClientWithResponses, s *sync, c *change, seen int64, keep []any) (int64, error) {
	body, err := s.body(c.want, keep)
	if err != nil {
		return 0, err
	}
	p := &client.ApplyConfigParams{IfMatch: new(strconv.Quote(strconv.FormatInt(seen, 10)))}
	res, err := read(api.ApplyConfigWithBody(ctx, c.want.Name, p, mediaJSON, body))
	return res.version, err
}
