package edge_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/edge"
	"github.com/tollgate/tollgate/gateway-edge/internal/config"
	"github.com/tollgate/tollgate/gateway-edge/internal/handover"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/contract/testport"
)

// fixed is the configuration of an edge that can be taken over, at addresses that
// stay.
func (w *world) fixed(t *testing.T, dir string, first *running) edge.Config {
	t.Helper()
	cfg := w.config(t, dir)
	cfg.Upgrades = true
	cfg.DrainTimeout = 10 * time.Second // a machine that stands still for a second closes no connection that is used
	if first == nil {
		cfg.Addr, cfg.TLSAddr, cfg.AdminAddr = free(t), free(t), free(t)
		return cfg
	}
	cfg.TakeOver = true
	cfg.Addr, cfg.TLSAddr, cfg.AdminAddr = first.Addrs()[0].String(), first.Addrs()[1].String(), first.AdminAddr().String()
	return cfg
}

// free is an address that nobody else takes, whether an edge listens there or not.
func free(t *testing.T) string { return fmt.Sprintf("127.0.0.1:%d", testport.Free(t)) }

// hammer asks for a page over and over until stop is called, which returns how many
// answers were good and what went wrong first.
func hammer(t *testing.T, addr, key string, callers int) (stop func() (int64, error)) {
	t.Helper()
	var good atomic.Int64
	var bad atomic.Pointer[error]
	ctx, cancel := context.WithCancel(context.Background())
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: callers}, Timeout: 10 * time.Second}
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for ctx.Err() == nil {
				// A POST is not sent again by the client's own machinery.
				req, _ := http.NewRequest(http.MethodPost, "http://"+addr+"/hello", strings.NewReader("x"))
				req.Host = "shop.edge.test"
				req.Header.Set("X-API-Key", key)
				resp, err := c.Do(req)
				if err == nil {
					if err = resp.Body.Close(); resp.StatusCode != 200 {
						err = errors.New(resp.Status + " " + resp.Header.Get("Tollgate-Error"))
					}
				}
				if err != nil {
					bad.CompareAndSwap(nil, &err)
					continue
				}
				good.Add(1)
			}
		})
	}
	return func() (int64, error) {
		cancel()
		wg.Wait()
		c.CloseIdleConnections()
		if p := bad.Load(); p != nil {
			return good.Load(), *p
		}
		return good.Load(), nil
	}
}

// TestTakenOver replaces an edge three times under load: nothing fails, each
// process ends by itself, and what one knew the next one knows.
func TestTakenOver(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	cur := w.startWith(t, w.fixed(t, dir, nil))
	cur.waitReady(t)
	w.organization(1)
	w.pub.Gateway(w.document(1))
	key, record := w.pub.Key(11)
	within(t, "the gateway serves", func() bool { return cur.get(t, "shop.edge.test", "/hello", key).status == 200 })
	addr, admin := cur.Addrs()[0].String(), cur.AdminAddr().String()
	stop := hammer(t, addr, key, 8)
	for i := range 3 {
		time.Sleep(100 * time.Millisecond)
		next := w.startWith(t, w.fixed(t, dir, cur))
		select {
		case err := <-cur.ended:
			cur.ended <- err
			if err != nil {
				t.Fatalf("the predecessor ended with %v", err)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("the predecessor did not end")
		}
		if next.Addrs()[0].String() != addr || next.AdminAddr().String() != admin {
			t.Fatalf("other addresses: %v and %v", next.Addrs(), next.AdminAddr())
		}
		if a := next.admin(t, "/readyz"); a.status != 200 {
			t.Errorf("upgrade %d: readyz says %d %s", i, a.status, a.body)
		}
		cur = next
	}
	good, err := stop()
	if err != nil || good < 100 {
		t.Errorf("%d good answers, first failure: %v", good, err)
	}
	t.Logf("%d answers over three upgrades", good)
	w.pub.Revoke(record)
	within(t, "the key is revoked", func() bool { return cur.get(t, "shop.edge.test", "/hello", key).status == 401 })
	within(t, "the directory is tidy", func() bool {
		configs, _ := filepath.Glob(filepath.Join(dir, "config*"))
		runs, _ := os.ReadDir(filepath.Join(dir, "running"))
		return len(configs) == 1 && len(runs) == 1
	})
	// The last one starts from its own disk, alone.
	cur.stop(t)
	again := w.startWith(t, w.fixed(t, dir, nil))
	again.waitReady(t)
	if a := again.get(t, "shop.edge.test", "/hello", key); a.status != 401 {
		t.Errorf("after a plain start: %d", a.status)
	}
}

// TestNotTakenOver: a successor that fails at any step leaves the edge as it was.
func TestNotTakenOver(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	cur := w.startWith(t, w.fixed(t, dir, nil))
	cur.waitReady(t)
	w.organization(1)
	w.pub.Gateway(w.document(1))
	key, _ := w.pub.Key(11)
	within(t, "the gateway serves", func() bool { return cur.get(t, "shop.edge.test", "/hello", key).status == 200 })
	stop := hammer(t, cur.Addrs()[0].String(), key, 4)
	for name, change := range map[string]func(*edge.Config){
		"without asking":            func(c *edge.Config) { c.TakeOver = false },
		"of another name":           func(c *edge.Config) { c.EdgeID = "edge-b" },
		"with a taken address":      func(c *edge.Config) { c.AdminAddr = cur.Addrs()[0].String() },
		"with a Redis that is away": func(c *edge.Config) { c.RedisURL = "redis://127.0.0.1:1" },
	} {
		cfg := w.fixed(t, dir, cur)
		change(&cfg)
		e, err := edge.New(t.Context(), cfg)
		if err == nil {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			err = e.Run(ctx)
			cancel()
		}
		if err == nil {
			t.Errorf("a successor %s did not fail", name)
		}
	}
	if good, err := stop(); err != nil || good == 0 {
		t.Errorf("%d good answers, first failure: %v", good, err)
	}
	if a := cur.admin(t, "/readyz"); a.status != 200 {
		t.Errorf("readyz says %d %s", a.status, a.body)
	}
	// It reports still, under its own epoch, and can be taken over.
	report := func() (r contract.EdgeReport) {
		client := w.redis.Client()
		defer client.Close()
		b, err := client.HGet(t.Context(), contract.RedisEdges, "edge-a").Bytes()
		if err == nil {
			err = contract.DecodeMessage(&w.pub.Keys.Edge, contract.MessageReport, b, &r)
		}
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := report()
	next := w.startWith(t, w.fixed(t, dir, cur))
	within(t, "the successor reports", func() bool { r := report(); return r.Epoch > first.Epoch && r.Ready && !r.Draining })
	<-next.Ready()
	var st struct{ Config string }
	b, err := os.ReadFile(filepath.Join(dir, "edge.json"))
	if err != nil || json.Unmarshal(b, &st) != nil || !strings.HasPrefix(st.Config, "config.") {
		t.Errorf("edge.json says %s, %v", b, err)
	}
	if err := <-cur.ended; err != nil {
		t.Error(err)
	}
	cur.ended <- nil
	if r := report(); r.Draining || !r.Ready {
		t.Errorf("the last report is the predecessor's: %+v", r)
	}
}

// TestDiedAtTheLastStep: a successor dies when it has made itself the one to start
// from, and did not serve yet. The edge that goes on starts from its own disk again,
// not from what was copied of it: a key that it revoked since is revoked.
func TestDiedAtTheLastStep(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	cur := w.startWith(t, w.fixed(t, dir, nil))
	cur.waitReady(t)
	w.organization(1)
	w.pub.Gateway(w.document(1))
	key, record := w.pub.Key(11)
	status := func() int { return cur.get(t, "shop.edge.test", "/hello", key).status }
	within(t, "the gateway serves", func() bool { return status() == 200 })

	req := asked(t, dir)
	id, err := config.Claim(dir, "edge-a", req.Lock)
	if err == nil {
		if err = req.Ready(); err == nil {
			err = id.Settle()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	epoch := id.Epoch
	req.Sockets.Close()
	if err := id.Release(); err != nil {
		t.Fatal(err)
	}
	req.Close()

	within(t, "the edge goes on", func() bool {
		return strings.Contains(cur.admin(t, "/metrics").body, "tollgate_edge_upgrades_failed_total 1")
	})
	w.pub.Revoke(record)
	within(t, "the key is revoked", func() bool { return status() == 401 })
	cur.stop(t)
	w.redis.Kill()
	cur = w.startWith(t, w.fixed(t, dir, nil))
	cur.waitReady(t)
	if s := status(); s != 401 {
		t.Errorf("after a start without Redis the revoked key is answered %d", s)
	}
	cur.stop(t)
	next, err := config.Claim(dir, "edge-a", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer next.Release()
	if next.Epoch != epoch+2 {
		t.Errorf("epoch %d after %d and one more start: none may be used twice", next.Epoch, epoch)
	}
}

// asked is a successor's request that an edge with its state in dir has heard.
func asked(t *testing.T, dir string) (req *handover.Request) {
	t.Helper()
	within(t, "the edge hands over", func() bool {
		var err error
		req, err = handover.Ask(t.Context(), dir, handover.Facts{Edge: "edge-a"})
		return err == nil && req != nil
	})
	return req
}

// TestStoppedWhileHandingOver: an edge that is told to end while a successor gets
// ready refuses connections at sockets that the successor has too. It must not tell
// it to go then: nobody could connect to it.
func TestStoppedWhileHandingOver(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	cfg := w.fixed(t, dir, nil)
	cfg.DrainTimeout = time.Minute
	cur := w.startWith(t, cfg)
	cur.waitReady(t)
	w.organization(1)
	w.pub.Gateway(w.document(1))
	key, _ := w.pub.Key(11)
	within(t, "the gateway serves", func() bool { return cur.get(t, "shop.edge.test", "/hello", key).status == 200 })
	req := asked(t, dir)
	defer req.Close()

	// Until it has been idle for a while a connection keeps the edge from ending.
	addr := cur.Addrs()[0].String()
	idle, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	cur.cancel()
	within(t, "no connection is taken", func() bool {
		c, err := net.DialTimeout("tcp", addr, 100*time.Millisecond)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	if req.Ready() == nil {
		t.Error("a successor is told to go that nobody can connect to")
	}
	_ = idle.Close()
	cur.stop(t)
}

// TestAskedWhileItLeaves: what the control plane asks of an edge is the successor's to
// answer, as soon as there is one: what the predecessor purges nobody is served from.
func TestAskedWhileItLeaves(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	cur := w.startWith(t, w.fixed(t, dir, nil))
	cur.waitReady(t)
	w.organization(1)
	w.pub.Gateway(w.document(1))
	key, _ := w.pub.Key(11)
	within(t, "the gateway serves", func() bool { return cur.get(t, "shop.edge.test", "/hello", key).status == 200 })
	req := asked(t, dir)
	defer req.Close()
	// Connections that are used, or were a moment ago, keep the edge from ending.
	dial := func() net.Conn {
		c, err := net.Dial("tcp", cur.Addrs()[0].String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	idle, used := dial(), dial()
	if err := req.Ready(); err != nil {
		t.Fatal(err)
	}
	if err := req.Serving(); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(used)
	within(t, "it drains", func() bool {
		fmt.Fprintf(used, "GET /hello HTTP/1.1\r\nHost: shop.edge.test\r\nX-API-Key: %s\r\n\r\n", key)
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.Close
	})
	ask := contract.Ask{ID: "ask_1", Gateway: "gw_1", Deadline: time.Now().Add(time.Hour).UnixMilli(), Purge: &contract.Purge{All: true}}
	msg, err := contract.EncodeSecretMessage(&w.pub.Keys.Edge, contract.MessageAsk, ask)
	if err != nil {
		t.Fatal(err)
	}
	rdb := w.redis.Client()
	defer rdb.Close()
	if err := rdb.RPush(t.Context(), contract.RedisAsk("edge-a"), msg).Err(); err != nil {
		t.Fatal(err)
	}
	within(t, "it has ended", func() bool { return len(cur.ended) == 1 })
	_ = idle.Close()
	if n := rdb.LLen(t.Context(), contract.RedisAsk("edge-a")).Val(); n != 1 {
		t.Errorf("%d questions are left for the successor, want 1", n)
	}
}
