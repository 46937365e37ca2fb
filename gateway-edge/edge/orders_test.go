package edge_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// commander sends orders to an edge as the control plane does, and as others might.
type commander struct {
	t *testing.T
	w *world
	n int
}

// report is the edge's newest report.
func (c *commander) report() (r contract.EdgeReport) {
	c.t.Helper()
	client := c.w.redis.Client()
	defer client.Close()
	b, err := client.HGet(context.Background(), contract.RedisEdges, "edge-a").Bytes()
	if err == nil {
		err = contract.DecodeMessage(&c.w.pub.Keys.Edge, contract.MessageReport, b, &r)
	}
	if err != nil {
		return contract.EdgeReport{} // there is none yet
	}
	return r
}

func (c *commander) order(op string) (contract.Order, []byte) {
	c.t.Helper()
	c.n++
	o := contract.Order{ID: fmt.Sprintf("order-%d", c.n), Edge: "edge-a", Incarnation: c.report().Incarnation, Op: op, Deadline: time.Now().Add(30 * time.Second).UnixMilli()}
	b, err := contract.SignOrder(c.w.pub.Keys.Signer, &o, time.Now())
	if err != nil {
		c.t.Fatal(err)
	}
	return o, b
}

// send says whether the edge confirms what it is sent.
func (c *commander) send(b []byte, id string, wait time.Duration) bool {
	c.t.Helper()
	client := c.w.redis.Client()
	defer client.Close()
	ctx := context.Background()
	if err := client.RPush(ctx, contract.RedisOrders("edge-a"), b).Err(); err != nil {
		c.t.Fatal(err)
	}
	got, err := client.BLPop(ctx, wait, contract.RedisAnswer(id)).Result()
	if err != nil {
		return false
	}
	var a contract.Answer
	if err := contract.DecodeMessage(&c.w.pub.Keys.Edge, contract.MessageAnswer, []byte(got[1]), &a); err != nil || !a.Done || a.Edge != "edge-a" {
		c.t.Fatalf("the answer is %+v, %v", a, err)
	}
	return true
}

// TestOrderedDrain: an operator's order turns readiness off and lets clients go,
// while the edge serves on; another takes it back. Nobody else's order, none twice
// and none for a process that has gone does anything.
func TestOrderedDrain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dir := t.TempDir()
	e := w.start(t, dir)
	e.waitReady(t)
	w.organization(1)
	w.pub.Gateway(w.document(1))
	key, _ := w.pub.Key(11)
	serves := func() bool { return e.get(t, "shop.edge.test", "/hello", key).status == 200 }
	within(t, "serves", serves)
	c := &commander{t: t, w: w}
	within(t, "reports", func() bool { r := c.report(); return r.Ready && r.Memory > 0 })

	// Forgeries: another control plane, and a message of those that edges can make.
	other, err := contract.NewRootKeys(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	o, _ := c.order(contract.OrderDrain)
	forged, err := contract.SignOrder(other.Signer, &o, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := contract.EncodeSecretMessage(&w.pub.Keys.Edge, contract.MessageAsk, &o)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"another signer's": forged, "an edge's": sealed, "noise": []byte("drain")} {
		if c.send(b, o.ID, time.Second) || e.admin(t, "/readyz").status != 200 {
			t.Fatalf("%s order works", name)
		}
	}

	kept := dial(t, e)
	defer kept.Close()
	o, drain := c.order(contract.OrderDrain)
	if !c.send(drain, o.ID, 30*time.Second) {
		t.Fatal("the order is not confirmed")
	}
	if a := e.admin(t, "/readyz"); a.status != 503 || !has(a, "operator") {
		t.Errorf("readyz answers %d %s", a.status, a.body)
	}
	if r := c.report(); !r.Draining || !r.Resting || r.Ready {
		t.Errorf("the report is %+v", r)
	}
	if !serves() {
		t.Error("the edge does not serve any more")
	}
	if closes := kept.ask(t, key); !closes {
		t.Error("a connection is kept")
	}
	within(t, "an idle connection is closed", dial(t, e).closed)

	o2, undrain := c.order(contract.OrderUndrain)
	if !c.send(undrain, o2.ID, 30*time.Second) {
		t.Fatal("the second order is not confirmed")
	}
	if a := e.admin(t, "/readyz"); a.status != 200 {
		t.Errorf("readyz answers %d %s", a.status, a.body)
	}
	if c.send(drain, o.ID, time.Second) || e.admin(t, "/readyz").status != 200 {
		t.Error("an order works twice")
	}
	again := dial(t, e)
	defer again.Close()
	if again.ask(t, key) {
		t.Error("a connection is closed after the drain was taken back")
	}
	// It survives nothing: the process that comes next was never told.
	o3, b := c.order(contract.OrderDrain)
	if !c.send(b, o3.ID, 30*time.Second) {
		t.Fatal("the third order is not confirmed")
	}
	e.stop(t)
	next := w.start(t, dir)
	next.waitReady(t)
	within(t, "ready", func() bool { return next.admin(t, "/readyz").status == 200 })
	if c.send(b, o3.ID, time.Second) || next.admin(t, "/readyz").status != 200 {
		t.Error("an order for the process before works")
	}
}

// connection is a client's of HTTP/1.1.
type connection struct {
	net.Conn
	r *bufio.Reader
}

func dial(t *testing.T, e *running) *connection {
	t.Helper()
	c, err := net.Dial("tcp", e.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	return &connection{c, bufio.NewReader(c)}
}

// ask sends one request and says whether its answer is the connection's last.
func (c *connection) ask(t *testing.T, key string) (closes bool) {
	t.Helper()
	fmt.Fprintf(c, "GET /hello HTTP/1.1\r\nHost: shop.edge.test\r\nX-API-Key: %s\r\n\r\n", key)
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 200 {
		t.Fatalf("answered %d", res.StatusCode)
	}
	return res.Close
}

// closed says whether the edge has closed the connection.
func (c *connection) closed() bool {
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	_, err := c.r.Peek(1)
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}
