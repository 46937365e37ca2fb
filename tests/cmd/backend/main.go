// Command backend is a counting origin for end-to-end tests: it answers every
// path with its own name and what it saw, and tells its counts at /__counts.
//
// A request steers it by query: status=503, delay=20ms, size=65536.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

type counts struct {
	mu       sync.Mutex
	Requests int64            `json:"requests"`
	ByPath   map[string]int64 `json:"by_path"`
	ByCaller map[string]int64 `json:"by_caller"`
	Clients  map[string]int64 `json:"clients"`
	Keys     int64            `json:"keys"`
}

func (c *counts) add(r *http.Request) {
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Requests++
	c.ByPath[first]++
	c.ByCaller[r.Header.Get("Tollgate-Consumer")]++
	c.Clients[r.Header.Get("X-Forwarded-For")]++
	if r.Header.Get("X-Api-Key") != "" || strings.Contains(r.Header.Get("Authorization"), "tg_") {
		c.Keys++
	}
}

func main() {
	name := flag.String("name", "backend", "what it calls itself")
	addr := flag.String("addr", "127.0.0.1:0", "address to listen on")
	flag.Parse()
	c := &counts{ByPath: map[string]int64{}, ByCaller: map[string]int64{}, Clients: map[string]int64{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/__counts", func(w http.ResponseWriter, _ *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		_ = json.NewEncoder(w).Encode(c)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		c.add(r)
		q := r.URL.Query()
		if d, err := time.ParseDuration(q.Get("delay")); err == nil {
			time.Sleep(d)
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Backend", *name)
		if s, err := strconv.Atoi(q.Get("status")); err == nil && s >= 200 && s <= 599 {
			w.WriteHeader(s)
		}
		if n, err := strconv.Atoi(q.Get("size")); err == nil && n > 0 {
			_, _ = w.Write([]byte(strings.Repeat("x", min(n, 64<<20))))
			return
		}
		fmt.Fprintf(w, "{\"backend\":%q,\"path\":%q,\"consumer\":%q}\n", *name, r.URL.Path, r.Header.Get("Tollgate-Consumer"))
	})
	srv := &http.Server{Addr: *addr, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(srv.ListenAndServe())
}
