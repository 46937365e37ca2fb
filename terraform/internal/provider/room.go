package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/tollgate/tollgate/portal/client"
	"github.com/tollgate/tollgate/terraform/internal/shape"
)

// Fields of the API's room.
const (
	roomConsumers = "consumers" // of a gateway
	roomKeys      = "keys"      // of the organization
)

// rooms counts what a run is to make of that which the subscription limits, but which
// is no part of a configuration.
type rooms struct {
	c    *client.ClientWithResponses
	mu   sync.Mutex
	said map[string]shape.Schema // the API's answers, by gateway
	made map[roomKey]map[string]bool
	told map[roomKey]bool // that the rest of the run has to make room
}

type roomKey struct{ of, gateway string }

func newRooms(c *client.ClientWithResponses) *rooms {
	return &rooms{c: c, said: map[string]shape.Schema{}, made: map[roomKey]map[string]bool{}, told: map[roomKey]bool{}}
}

// take counts one that is to be made. fails: there can't be as many, whatever is
// deleted; else why, where it is not empty, says that there may not be room. Where the
// API does not answer, nothing is said: the apply will.
func (r *rooms) take(ctx context.Context, of, gateway, name string) (fails bool, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	said, asked := r.said[gateway]
	if !asked {
		said = r.ask(ctx, gateway)
		r.said[gateway] = said
	}
	room, _ := said[of].(shape.Schema)
	limit, left := integer(room["limit"]), integer(room["left"])
	if limit == 0 {
		return false, ""
	}
	key, whose := roomKey{of, gateway}, "a gateway"
	if of == roomKeys { // of the whole organization
		key.gateway, whose, name = "", "an organization", gateway+"/"+name
	}
	if r.made[key] == nil {
		r.made[key] = map[string]bool{}
	}
	r.made[key][name] = true
	n := len(r.made[key])
	switch {
	case n > limit:
		return true, fmt.Sprintf("the plan %v allows %d %s of %s, and this run makes more: leave some out, or change to a larger plan", said["plan"], limit, of, whose)
	case n > left && !r.told[key]:
		r.told[key] = true
		return false, fmt.Sprintf("The plan %v allows %d %s of %s, and there is room for %d: this run makes more, which is refused where it does not delete others first.",
			said["plan"], limit, of, whose, left)
	}
	return false, ""
}

// ask asks for a gateway's room; the lock is held.
func (r *rooms) ask(ctx context.Context, gateway string) shape.Schema {
	body, err := encode(map[string]any{attrGateway: gateway, "config": map[string]any{}})
	if err != nil {
		return nil
	}
	got, err := read(r.c.CheckPlanWithBody(ctx, mediaJSON, body))
	if err != nil {
		return nil
	}
	room, _ := got.body["room"].(shape.Schema)
	return room
}

func integer(v any) int {
	n, _ := v.(json.Number)
	i, _ := n.Int64()
	return int(i)
}
