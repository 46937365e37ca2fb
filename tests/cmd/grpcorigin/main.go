// Command grpcorigin is a gRPC backend for measurements: it answers every unary
// call with a message of 1 KB, over clear-text HTTP/2, with as little work as can be.
package main

import (
	"encoding/binary"
	"flag"
	"io"
	"log"
	"net/http"
	"time"
)

const size = 1024

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "address to listen on")
	flag.Parse()
	answer := make([]byte, 5+size)
	binary.BigEndian.PutUint32(answer[1:], size)
	var p http.Protocols
	p.SetUnencryptedHTTP2(true)
	s := &http.Server{
		Addr: *addr, Protocols: &p, ReadHeaderTimeout: 10 * time.Second,
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 1000},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			h := w.Header()
			h.Set("Content-Type", "application/grpc")
			h.Set("Trailer", "Grpc-Status")
			_, _ = w.Write(answer)
			h.Set("Grpc-Status", "0")
		}),
	}
	log.Fatal(s.ListenAndServe())
}
