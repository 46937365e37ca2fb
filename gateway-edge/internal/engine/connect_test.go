//go:build connect

package engine_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tollgate/tollgate/services/contract"
)

// connectConfigs are what the edge is tested for.
var connectConfigs = []struct {
	name, features string
	cases          int // how many there are
}{
	// What peers are measured by: clear text, the two codecs, gzip or none, and what
	// HTTP/1.1 does of streams both ways.
	{"clear text", `
  codecs: [CODEC_PROTO, CODEC_JSON]
  compressions: [COMPRESSION_IDENTITY, COMPRESSION_GZIP]
  supportsTls: false
`, 1990},
	// Everything that Connect's own implementation does, but HTTP/3 and client
	// certificates.
	{"all", `
  codecs: [CODEC_PROTO, CODEC_JSON]
  compressions: [COMPRESSION_IDENTITY, COMPRESSION_GZIP, COMPRESSION_BR, COMPRESSION_ZSTD, COMPRESSION_DEFLATE, COMPRESSION_SNAPPY]
  supportsTlsClientCerts: false
`, 10696},
}

const connectFeatures = `features:
  versions: [HTTP_VERSION_1, HTTP_VERSION_2]
  protocols: [PROTOCOL_CONNECT, PROTOCOL_GRPC, PROTOCOL_GRPC_WEB]
  supportsHalfDuplexBidiOverHttp1: true`

// connectRole is set in processes that the suite starts as servers.
const connectRole = "TOLLGATE_CONNECT_ROLE"

// TestConnectConformance runs Connect's conformance suite (Connect, gRPC,
// gRPC-Web; HTTP/1.1 and HTTP/2; clear text and TLS) against its own reference
// server behind the edge. The suite starts this program as the server it tests.
// TOLLGATE_CONNECT says where its programs are: `make conformance` builds them.
func TestConnectConformance(t *testing.T) {
	dir := os.Getenv("TOLLGATE_CONNECT")
	if dir == "" {
		t.Fatal("TOLLGATE_CONNECT does not say where the suite's programs are: run `make conformance`")
	}
	if os.Getenv(connectRole) != "" {
		serveConnect(t, dir)
		return
	}
	self, err := os.Executable()
	must(t, err)
	for _, c := range connectConfigs {
		t.Run(c.name, func(t *testing.T) {
			conf := filepath.Join(t.TempDir(), "conf.yaml")
			must(t, os.WriteFile(conf, []byte(connectFeatures+c.features), 0o600))
			cmd := exec.Command(filepath.Join(dir, "connectconformance"), "--mode", "server", "--conf", conf, "-p", "4", "--max-servers", "2", "--",
				self, "-test.run", "^TestConnectConformance$")
			cmd.Env = append(os.Environ(), connectRole+"=server")
			out, err := cmd.CombinedOutput()
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			t.Log(strings.Join(lines[max(0, len(lines)-2):], "\n"))
			if err != nil {
				t.Errorf("%v\n%.20000s", err, out)
			}
			if want := fmt.Sprintf("%d passed, 0 failed", c.cases); !strings.Contains(string(out), want) {
				t.Errorf("not %s", want)
			}
		})
	}
}

// serveConnect is the server under test: the reference server, and an edge in
// front of it.
func serveConnect(t *testing.T, dir string) {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM, os.Interrupt)
	ask, err := readDelimited(os.Stdin)
	must(t, err)
	version, secure, creds, inner := takeRequest(t, ask)
	cmd := exec.Command(filepath.Join(dir, "referenceserver"))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	must(t, writeDelimited(in, inner))
	must(t, in.Close())
	answer, err := readDelimited(bufio.NewReader(out))
	must(t, err)
	e := newEdge(t, edgeOptions{cert: creds})
	g := plain((&url.URL{Scheme: "http", Host: answerAddr(t, answer)}).String())
	g.Hosts, g.Routes[0].PreserveHost = []string{"127.0.0.1"}, true
	g.Upstreams[0].Retries = &contract.Retries{Attempts: 1}
	if version == 2 {
		g.Upstreams[0].Protocol = "h2c"
	}
	e.serve(g)
	addr := e.addr
	if secure {
		addr = e.tlsAddr
	}
	var port uint64
	_, err = fmt.Sscanf(addr, "127.0.0.1:%d", &port)
	must(t, err)
	var b []byte
	b = protowire.AppendString(protowire.AppendTag(b, 1, protowire.BytesType), "127.0.0.1")
	b = protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.VarintType), port)
	if secure {
		b = protowire.AppendBytes(protowire.AppendTag(b, 3, protowire.BytesType), credsPEM)
	}
	must(t, writeDelimited(os.Stdout, b))
	<-term
}

// credsPEM is the certificate that the suite gave.
var credsPEM []byte

// takeRequest reads a ServerCompatRequest and makes the one for the server
// behind the edge: the same in clear text.
func takeRequest(t *testing.T, b []byte) (version uint64, secure bool, cert *tls.Certificate, inner []byte) {
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		m := protowire.ConsumeFieldValue(num, kind, b[n:])
		if n < 0 || m < 0 {
			t.Fatal("the suite's request can't be read")
		}
		field, value := b[:n+m], b[n:n+m]
		b = b[n+m:]
		switch num {
		case 2:
			version, _ = protowire.ConsumeVarint(value)
		case 4:
			v, _ := protowire.ConsumeVarint(value)
			secure = v != 0
			continue
		case 5:
			continue
		case 7:
			msg, _ := protowire.ConsumeBytes(value)
			cert = takeCreds(t, msg)
			continue
		}
		inner = append(inner, field...)
	}
	return version, secure, cert, inner
}

func takeCreds(t *testing.T, b []byte) *tls.Certificate {
	var parts [3][]byte
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		m := protowire.ConsumeFieldValue(num, kind, b[n:])
		if n < 0 || m < 0 {
			t.Fatal("the suite's certificate can't be read")
		}
		if num < 3 {
			parts[num], _ = protowire.ConsumeBytes(b[n : n+m])
		}
		b = b[n+m:]
	}
	credsPEM = parts[1]
	c, err := tls.X509KeyPair(parts[1], parts[2])
	must(t, err)
	return &c
}

// answerAddr is the address in a ServerCompatResponse.
func answerAddr(t *testing.T, b []byte) string {
	host, port := "", uint64(0)
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		m := protowire.ConsumeFieldValue(num, kind, b[n:])
		if n < 0 || m < 0 {
			t.Fatal("the server's answer can't be read")
		}
		switch num {
		case 1:
			host, _ = protowire.ConsumeString(b[n : n+m])
		case 2:
			port, _ = protowire.ConsumeVarint(b[n : n+m])
		}
		b = b[n+m:]
	}
	if host == "" {
		t.Fatal("the server did not say where it is")
	}
	return fmt.Sprintf("%s:%d", host, port)
}

func readDelimited(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > 1<<20 {
		return nil, errors.New("a message is too long")
	}
	b := make([]byte, n)
	_, err := io.ReadFull(r, b)
	return b, err
}

func writeDelimited(w io.Writer, b []byte) error {
	var out bytes.Buffer
	_ = binary.Write(&out, binary.BigEndian, uint32(len(b)))
	out.Write(b)
	_, err := w.Write(out.Bytes())
	return err
}
