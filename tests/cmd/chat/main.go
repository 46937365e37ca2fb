// Command chat is the backend of the example in portal/docs/connections.md: a chat
// room that keeps no connections itself.
package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"sync"
)

var room = struct {
	sync.Mutex
	names map[string]string // connection → name
}{names: map[string]string{}}

func main() {
	http.HandleFunc("POST /connect", func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Query().Get("name")
		if name == "" {
			http.Error(w, "say who you are: ?name=", http.StatusForbidden)
			return
		}
		room.Lock()
		defer room.Unlock()
		room.names[r.Header.Get("Tollgate-Connection-Id")] = name
	})
	http.HandleFunc("POST /message", func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		room.Lock()
		who := room.names[r.Header.Get("Tollgate-Connection-Id")]
		ids := make([]string, 0, len(room.names))
		for id := range room.names {
			ids = append(ids, id)
		}
		room.Unlock()
		for _, id := range ids {
			if send(id, who+": "+string(text)) == http.StatusGone {
				leave(id)
			}
		}
	})
	http.HandleFunc("POST /disconnect", func(_ http.ResponseWriter, r *http.Request) {
		leave(r.Header.Get("Tollgate-Connection-Id"))
	})
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}

// send puts a message on a client's WebSocket, whichever edge holds it.
func send(id, text string) int {
	body, _ := json.Marshal(map[string]string{"text": text})
	r, _ := http.NewRequest("POST", os.Getenv("TOLLGATE_URL")+"/v1/gateways/"+os.Getenv("GATEWAY")+"/connections/"+id, bytes.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+os.Getenv("TOLLGATE_TOKEN"))
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		log.Print(err)
		return 0
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

func leave(id string) {
	room.Lock()
	defer room.Unlock()
	delete(room.names, id)
}
