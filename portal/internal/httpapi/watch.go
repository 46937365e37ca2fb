package httpapi

import (
	"context"
	"sync"
	"time"
)

// watchEvery is how often the caller of an answer without end is looked at again:
// a session that was ended or a role that was taken must end it within a second.
const watchEvery = 400 * time.Millisecond

// endless says whether the operation may answer with a stream.
func (c *call) endless() bool {
	ok := c.op.Spec.Responses.Status(200)
	return ok != nil && ok.Value.Content["text/event-stream"] != nil && c.request.URL.Query().Get("follow") == "true"
}

// watch returns a context that ends when the caller may no longer do what it
// does. Stop must be called when the answer is written.
func (s *Server) watch(ctx context.Context, c *call) (watched context.Context, stop func()) {
	watched, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		t := time.NewTicker(watchEvery)
		defer t.Stop()
		for {
			select {
			case <-watched.Done():
				return
			case <-t.C:
			}
			again := &call{requestID: c.requestID, client: c.client, op: c.op, request: c.request, response: c.response}
			if s.stillMay(watched, again) {
				continue
			}
			cancel()
			return
		}
	})
	return watched, func() {
		cancel()
		running.Wait()
	}
}

// stillMay asks again what guard has asked. A database that does not answer ends
// a stream, too: the client comes back.
func (s *Server) stillMay(ctx context.Context, c *call) bool {
	return s.authenticate(ctx, c) == nil && s.authorize(ctx, c) == nil
}
