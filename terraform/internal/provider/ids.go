package provider

import (
	"encoding/json"
	"sync"
	"time"
)

// leftoverAge is for how long what an apply made that was cut off may be taken over.
const leftoverAge = time.Hour

// ids are objects without a name of their own that this run knows of. Terraform does
// not say which others a state holds when it makes one: what this run has seen is not
// taken over, and what it took over is not deleted.
type ids struct {
	mu    sync.Mutex
	held  map[string]bool
	took  map[string]bool
	alike map[string]*sync.Mutex // by what is asked for: one is made after the other
	asked map[string]map[string]bool
}

func newIDs() *ids {
	return &ids{held: map[string]bool{}, took: map[string]bool{}, alike: map[string]*sync.Mutex{}, asked: map[string]map[string]bool{}}
}

// hold notes that a resource holds an object.
func (i *ids) hold(id string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.held[id] = true
}

// take takes an object over that no resource is known to hold.
func (i *ids) take(id string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if id == "" || i.held[id] {
		return false
	}
	i.held[id], i.took[id] = true, true
	return true
}

// tookOver says whether this run took an object over.
func (i *ids) tookOver(id string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.took[id]
}

// lock waits until nobody else makes what is asked for alike.
func (i *ids) lock(key string) (unlock func()) {
	i.mu.Lock()
	m := i.alike[key]
	if m == nil {
		m = &sync.Mutex{}
		i.alike[key] = m
	}
	i.mu.Unlock()
	m.Lock()
	return m.Unlock
}

// ask notes that the run is to make (id is empty) or to keep what is asked for by key.
// It says false where one is to be made beside one that is kept: the two could not be
// told apart if the run were cut off.
func (i *ids) ask(key, id, replaces string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	of := i.asked[key]
	if of == nil {
		of = map[string]bool{}
		i.asked[key] = of
	}
	ok := true
	switch {
	case id != "":
		of[id] = true
		ok = !of[""]
	case replaces != "": // the same resource asks
	default:
		of[""] = true
		ok = len(of) == 1
	}
	return ok
}

// alikeKey is the same for objects that are asked for alike.
func alikeKey(kind string, at address, body map[string]any) string {
	raw, _ := json.Marshal([]any{kind, at.gateway, body}) // of JSON's values
	return string(raw)
}

func recent(made string) bool {
	at, err := time.Parse(time.RFC3339, made)
	return err == nil && time.Since(at) < leftoverAge
}
