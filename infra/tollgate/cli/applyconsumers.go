package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/infra/tollgate/cli/desired"
	"github.com/tollgate/tollgate/infra/tollgate/cli/fault"
	"github.com/tollgate/tollgate/infra/tollgate/cli/offline"
	"github.com/tollgate/tollgate/portal/client"
)

// consumerChange is what would become of one consumer.
type consumerChange struct {
	name          string
	place         string          // in the files
	before, after json.RawMessage // before: nil for a new one
	etag          string          // of the one that was compared
}

// wrongConsumers is what is wrong with consumers by themselves, each with its pointer.
func wrongConsumers(g *desired.Gateway) (out [][2]string) {
	for i, c := range g.Consumers {
		_, wrong := offline.CheckConsumer(c.Document)
		for _, p := range wrong {
			out = append(out, [2]string{"/consumers/" + strconv.Itoa(i) + p.Pointer, p.Detail})
		}
	}
	return out
}

// plansMissing are the usage plans of consumers that documents do not have.
func plansMissing(g *desired.Gateway) (out [][2]string) {
	plans := g.UsagePlans()
	for i, c := range g.Consumers {
		if plan, wrong := offline.CheckConsumer(c.Document); len(wrong) == 0 && plan != "" && !slices.Contains(plans, plan) {
			out = append(out, [2]string{"/consumers/" + strconv.Itoa(i) + "/usage_plan", fmt.Sprintf("there is no usage plan %q", plan)})
		}
	}
	return out
}

// checkConsumers compares consumers with those that there are.
func checkConsumers(ctx context.Context, api *client.ClientWithResponses, c *change) error {
	var problems [][2]string
	plans := map[string]bool{"": true}
	for _, name := range c.want.UsagePlans() {
		plans[name] = true
	}
	for _, d := range c.applied.Changes {
		if d.Kind == "usage_plan" && d.After == nil {
			plans[textOf(d.Name)] = false
		}
	}
	for i, want := range c.want.Consumers {
		one, plan, err := compareConsumer(ctx, api, c, want)
		if err != nil {
			return fmt.Errorf("consumer %s: %w", want.Name, err)
		}
		if one == nil {
			continue
		}
		if _, known := plans[plan]; !known {
			if plans[plan], err = planThere(ctx, api, c, plan); err != nil {
				return err
			}
		}
		pointer := "/consumers/" + strconv.Itoa(i)
		if !plans[plan] {
			problems = append(problems, [2]string{pointer + "/usage_plan", fmt.Sprintf("there is no usage plan %q, or this takes it away", plan)})
		}
		one.place = c.want.Place(pointer)
		c.consumers = append(c.consumers, *one)
	}
	if len(problems) > 0 {
		return c.want.Fault(problems)
	}
	return nil
}

// planThere says whether the gateway has a usage plan already.
func planThere(ctx context.Context, api *client.ClientWithResponses, c *change, plan string) (bool, error) {
	if c.fresh {
		return false, nil
	}
	if err := checkKey(plan); err != nil {
		return false, err
	}
	switch _, err := read(api.GetUsagePlan(ctx, c.want.Name, plan)); client.Code(err) {
	case "not_found":
		return false, nil
	case "forbidden": // to look is not allowed: saving says it
		return true, nil
	default:
		return err == nil, err
	}
}

// compareConsumer is what becomes of one consumer, nil for nothing, and its usage plan.
func compareConsumer(ctx context.Context, api *client.ClientWithResponses, c *change, in desired.Consumer) (*consumerChange, string, error) {
	want, err := decode(in.Document)
	if err != nil {
		return nil, "", err
	}
	if err := checkKey(in.Name); err != nil {
		return nil, "", err
	}
	one := &consumerChange{name: in.Name}
	delete(want, keyName)
	dropEmpty(want)
	if one.after, err = json.Marshal(want); err != nil {
		return nil, "", err
	}
	plan := textAt(want, "usage_plan")
	if c.fresh {
		return one, plan, nil
	}
	res, err := read(api.GetConsumer(ctx, c.want.Name, in.Name))
	if client.Code(err) == "not_found" {
		return one, plan, nil
	}
	if err != nil {
		return nil, "", err
	}
	is := object{}
	for _, f := range []string{"usage_plan", "metadata", "identities"} {
		if v, ok := res.body[f]; ok {
			is[f] = v
		}
	}
	dropEmpty(is)
	if one.before, err = json.Marshal(is); err != nil {
		return nil, "", err
	}
	if bytes.Equal(one.before, one.after) {
		return nil, plan, nil
	}
	one.etag = res.etag
	return one, plan, nil
}

// dropEmpty takes out what means the same as nothing: the API shows empty metadata.
func dropEmpty(o object) {
	if m, ok := o["metadata"].(object); ok && len(m) == 0 {
		delete(o, "metadata")
	}
	if l, ok := o["identities"].([]any); ok && len(l) == 0 {
		delete(o, "identities")
	}
	if p, ok := o["usage_plan"]; ok && (p == nil || p == "") {
		delete(o, "usage_plan")
	}
}

// checkPruned finds out whether usage plans that would be deleted are free then, as the
// API asks for when it deletes them. Those that consumers of the files move away from
// are deleted last.
func checkPruned(ctx context.Context, api *client.ClientWithResponses, c *change) error {
	var gone []string
	for _, d := range c.applied.Changes {
		if d.Kind == "usage_plan" && d.After == nil {
			gone = append(gone, textOf(d.Name))
		}
	}
	if len(gone) == 0 {
		return nil
	}
	moved := map[string]bool{}
	for _, one := range c.consumers {
		moved[one.name] = true // to a plan that stays: checkConsumers saw to it
	}
	leaving := map[string]bool{}
	for _, plan := range gone {
		users, err := planUsers(ctx, api, c.want.Name, plan)
		if client.Code(err) == "forbidden" { // to look is not allowed: deleting says it
			continue
		}
		if err != nil {
			return err
		}
		stay := slices.DeleteFunc(slices.Clone(users), func(u string) bool {
			name, consumer := strings.CutPrefix(u, "consumer ")
			return consumer && moved[name]
		})
		if len(stay) > 0 {
			more := ""
			if len(stay) > 10 {
				stay, more = stay[:10], fmt.Sprintf(" and %d more", len(stay)-10)
			}
			return fault.New(fault.Refused, "give them another one, or leave the plan in the files", fmt.Sprintf("gateway %s: the usage plan %s would be deleted, and these have it: %s%s", c.want.Name, plan, strings.Join(stay, ", "), more))
		}
		leaving[plan] = len(users) > 0
	}
	config, err := read(api.GetConfig(ctx, c.want.Name))
	if err != nil {
		return err
	}
	plans, _ := config.body["usage_plans"].([]any)
	for _, p := range plans {
		if o, ok := p.(object); ok && leaving[textAt(o, keyName)] {
			c.later = append(c.later, p)
		}
	}
	return nil
}

// planUsers lists the consumers and the active keys that have a usage plan.
func planUsers(ctx context.Context, api *client.ClientWithResponses, gateway, plan string) (out []string, err error) {
	consumers := &kind{list: func(ctx context.Context, api *client.ClientWithResponses, gateway string, limit *int, cursor *string) (*http.Response, error) {
		return api.ListConsumers(ctx, gateway, &client.ListConsumersParams{Limit: limit, Cursor: cursor, UsagePlan: &plan})
	}}
	active := client.ListKeysParamsState("active")
	keys := &kind{list: func(ctx context.Context, api *client.ClientWithResponses, gateway string, limit *int, cursor *string) (*http.Response, error) {
		return api.ListKeys(ctx, gateway, &client.ListKeysParams{Limit: limit, Cursor: cursor, UsagePlan: &plan, State: &active})
	}}
	for _, l := range []struct {
		one, key string
		kind     *kind
	}{{"consumer", keyName, consumers}, {"key", keyID, keys}} {
		items, err := l.kind.all(ctx, api, gateway, 0)
		if err != nil {
			return nil, err
		}
		for _, raw := range items {
			o, err := decode(raw)
			if err != nil {
				return nil, err
			}
			out = append(out, l.one+" "+textAt(o, l.key))
		}
	}
	return out, nil
}

// putConsumer makes or changes a consumer, if it still is what was shown.
func putConsumer(ctx context.Context, api *client.ClientWithResponses, gateway string, one *consumerChange) error {
	if one.before != nil {
		p := &client.PutConsumerParams{}
		if one.etag != "" {
			p.IfMatch = &one.etag
		}
		_, err := read(api.PutConsumerWithBody(ctx, gateway, one.name, p, mediaJSON, bytes.NewReader(one.after)))
		return err
	}
	// Made, not put: somebody else's of the same name is not to be replaced unseen.
	body, err := decode(one.after)
	if err != nil {
		return err
	}
	body[keyName] = one.name
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	_, err = read(api.CreateConsumerWithBody(ctx, gateway, nil, mediaJSON, io.Reader(bytes.NewReader(raw))))
	return err
}
