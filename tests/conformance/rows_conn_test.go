package conformance

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// cpu is the CPU time that the edge has spent.
func (s *site) cpu(t *testing.T) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.c.Edges[0].PID()))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// slowBodies is CON09: a byte a second is less than is asked for after ten seconds.
func slowBodies(t *testing.T, s *site) {
	t.Run("conn", func(t *testing.T) {
		t.Parallel()
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		began := time.Now()
		_, _ = io.WriteString(c, s.fill("POST /public/slowbody HTTP/1.1\r\nHost: HOST\r\nContent-Length: 1000\r\n\r\n"))
		go func() {
			for range 40 {
				if _, err := c.Write([]byte("x")); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
		b, err := io.ReadAll(c)
		if !strings.HasPrefix(string(b), "HTTP/1.1 408 ") {
			t.Errorf("answered %q, %v", clip(string(b)), err)
		}
		t.Logf("408 after %v", time.Since(began).Round(100*time.Millisecond))
	})
	t.Run("std", func(t *testing.T) {
		t.Parallel()
		h := dialH2(t, s.addr)
		began := time.Now()
		if err := h.open(1, false, request("POST", s.host, "/public/slowbody", field{"content-length", "1000"})); err != nil {
			t.Fatal(err)
		}
		go func() {
			for range 40 {
				if h.fr.WriteData(1, false, []byte("x")) != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		o := h.wait(1, 30*time.Second)
		if o.status != "408" && o.reset == nil && !o.closed {
			t.Errorf("answered %s", o)
		}
		t.Logf("%s after %v", o, time.Since(began).Round(100*time.Millisecond))
	})
}

// stalledHandshakes is CON11.
func stalledHandshakes(t *testing.T, s *site) {
	s.front(t)
	for name, send := range map[string]func(c net.Conn){
		"silent": func(net.Conn) {},
		"half":   func(c net.Conn) { _, _ = c.Write([]byte{22, 3, 1, 2, 0, 1, 0, 1, 252}) },
		"slow": func(c net.Conn) {
			for _, b := range []byte{22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, 0, 0} {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		},
		"long certificate": func(c net.Conn) { _, _ = c.Write(append([]byte{22, 3, 3, 0x40, 0}, make([]byte, 1<<14)...)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.c.Edges[0].TLSPort))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			began := time.Now()
			go send(c)
			_ = c.SetReadDeadline(time.Now().Add(9 * time.Second))
			if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection is still open after 9 s")
			}
			t.Logf("closed after %v", time.Since(began).Round(100*time.Millisecond))
		})
	}
	t.Run("stalled behind the hello", func(t *testing.T) {
		t.Parallel()
		began := time.Now()
		// To the client its last message, which never goes out, ends the handshake.
		c, err := s.dialTLS(t, s.host, func(c net.Conn) net.Conn { return &stall{Conn: c} })
		if err == nil {
			_ = c.SetReadDeadline(time.Now().Add(9 * time.Second))
			_, err = io.Copy(io.Discard, c)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("the connection is still open after 9 s")
		}
		t.Logf("closed after %v", time.Since(began).Round(100*time.Millisecond))
	})
	t.Run("key updates", func(t *testing.T) { keyUpdates(t, s) })
}

// stall sends a hello and nothing more.
type stall struct {
	net.Conn
	n int
}

func (s *stall) Write(b []byte) (int, error) {
	if s.n++; s.n > 1 {
		return len(b), nil
	}
	return s.Conn.Write(b)
}

// keyUpdates makes a good handshake of TLS 1.3 and sends nothing but key updates,
// each with the keys that the one before made (RFC 8446, 4.6.3 and 7.2).
func keyUpdates(t *testing.T, s *site) {
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.c.Edges[0].TLSPort))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var keys bytes.Buffer
	conn := tls.Client(c, &tls.Config{ServerName: s.host, InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, KeyLogWriter: &keys})
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	if suite := conn.ConnectionState().CipherSuite; suite != tls.TLS_AES_128_GCM_SHA256 {
		t.Fatalf("cipher suite %x: the test knows AES-128 alone", suite)
	}
	var secret []byte
	for line := range strings.SplitSeq(keys.String(), "\n") {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "CLIENT_TRAFFIC_SECRET_0" {
			secret, _ = hex.DecodeString(f[2])
		}
	}
	expand := func(label string, n int) []byte {
		info := append([]byte{0, byte(n), byte(6 + len(label))}, "tls13 "+label...)
		out, err := hkdf.Expand(sha256.New, secret, string(append(info, 0)), n)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	ended := make(chan error, 1)
	go func() {
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		_, err := io.Copy(io.Discard, c)
		ended <- err
	}()
	sent := 0
	for ; sent < 2000; sent++ {
		block, err := aes.NewCipher(expand("key", 16))
		if err != nil {
			t.Fatal(err)
		}
		gcm, _ := cipher.NewGCM(block)
		plain := []byte{24, 0, 0, 1, 1, 22} // KeyUpdate, update_requested; a handshake record
		head := []byte{23, 3, 3, 0, byte(len(plain) + gcm.Overhead())}
		record := gcm.Seal(bytes.Clone(head), expand("iv", 12), plain, head)
		if _, err := c.Write(record); err != nil {
			break
		}
		secret = expand("traffic upd", 32)
	}
	if err := <-ended; errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after %d key updates the connection is open", sent)
	}
	t.Logf("closed after at most %d key updates", sent)
	s.alive(t)
}

// idleConnections is CON16 and the bound of CON08: of 300 idle connections of one
// address 256 are kept, and others are served.
func idleConnections(t *testing.T, s *site) {
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 77)}}
	var open []net.Conn
	for range 300 {
		c, err := from.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		open = append(open, c)
	}
	kept := 0
	for _, c := range open {
		_ = c.SetDeadline(time.Now().Add(2 * time.Second))
		if _, err := io.WriteString(c, s.fill(get("/public/idle"))); err != nil {
			continue
		}
		if n, _ := c.Read(make([]byte, 4096)); n > 0 {
			kept++
		}
	}
	t.Logf("%d of 300 connections of one address are kept", kept)
	if kept > 256 || kept < 200 {
		t.Errorf("%d are kept", kept)
	}
	s.alive(t)
	s.origin.take()
}

// earlyData is CON17: no ticket allows early data, and what is sent as such is not
// taken.
func earlyData(t *testing.T, s *site) {
	s.front(t)
	kept := &ticket{}
	cfg := &tls.Config{ServerName: s.host, InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, ClientSessionCache: kept, NextProtos: []string{"http/1.1"}}
	addr := fmt.Sprintf("127.0.0.1:%d", s.c.Edges[0].TLSPort)
	for range 2 {
		c, err := tls.Dial("tcp", addr, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if status := over(t, c, s.host); status != 200 {
			t.Fatal(status)
		}
		c.Close()
	}
	if kept.state == nil {
		t.Fatal("the edge gave no ticket")
	}
	_, state, err := kept.state.ResumptionState()
	if err != nil || state.EarlyData {
		t.Errorf("the ticket allows early data: %v %v", state != nil && state.EarlyData, err)
	}
	s.origin.take()
}

// ticket keeps the last session.
type ticket struct{ state *tls.ClientSessionState }

func (k *ticket) Get(string) (*tls.ClientSessionState, bool) { return k.state, k.state != nil }
func (k *ticket) Put(_ string, s *tls.ClientSessionState) {
	if s != nil {
		k.state = s
	}
}
