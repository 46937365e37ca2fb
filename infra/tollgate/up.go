package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/edge"
	"github.com/tollgate/tollgate/infra/tollgate/demo"
	"github.com/tollgate/tollgate/infra/tollgate/localredis"
	"github.com/tollgate/tollgate/migrations"
	"github.com/tollgate/tollgate/portal/portal"
	"github.com/tollgate/tollgate/services/app"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/contract/settings"
)

const demoFlag = "DEMO"

// up is everything in one process.
type up struct {
	v     *settings.Values
	log   *slog.Logger
	out   io.Writer
	dir   string
	began time.Time
	parts *stages

	echoOn net.Listener // the echo backend's, handed to the portal
}

func runUp(ctx context.Context, args []string, out io.Writer) error {
	names := slices.Concat(edge.Settings, portal.Settings, app.Settings, app.WorkerSettings)
	slices.Sort(names)
	v, log, done, err := load("up", slices.Compact(names), args, out,
		settings.Setting{Name: demoFlag, Default: "false", Bool: true, FlagOnly: true, Help: "seed an organization, an echo backend and a key, and print a curl line that works"})
	if done || err != nil {
		return err
	}
	if !v.Given(settings.LogFormat) {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	u := &up{v: v, log: log, out: out, began: time.Now(), parts: newStages()}
	if err := u.start(ctx); err != nil {
		return errors.Join(err, u.parts.stop())
	}
	return u.parts.wait(ctx)
}

// start starts everything in the order in which one needs the other.
func (u *up) start(ctx context.Context) error {
	if err := u.defaults(); err != nil {
		return err
	}
	store, err := u.redis(ctx)
	if err != nil {
		return err
	}
	if err := u.migrate(ctx); err != nil {
		return err
	}
	ac, err := app.FromSettings(u.v, u.log)
	pc, perr := portal.FromSettings(u.v, u.log)
	ec, eerr := edge.FromSettings(u.v, u.log)
	wc, werr := app.WorkerFromSettings(u.v)
	if err := errors.Join(err, perr, eerr, werr); err != nil {
		return wrong(err)
	}
	own := u.ownAddrs()
	ac.OwnAddrs = append(ac.OwnAddrs, own...)
	ec.OwnAddrs = append(ec.OwnAddrs, own...)
	wc.Built, pc.Version, ec.Version = version, version, version
	ec.DrainDelay = -1     // no balancer before it has to notice
	ec.ConfirmTimeout = -1 // the disk stays: what is left is sent at the next start
	pc.EchoListener = u.echoOn
	pc.DevMails = u.v.String(settings.SMTPURL) == ""
	if err := u.roles(ctx, ac, wc, pc, ec); err != nil {
		return err
	}
	return u.greet(ctx, store)
}

// roles starts the control plane, then the edge, and waits until all serve.
func (u *up) roles(ctx context.Context, ac app.Config, wc app.WorkerConfig, pc portal.Config, ec edge.Config) error {
	a, err := app.New(ctx, ac)
	if err != nil {
		return err
	}
	u.parts.start(ctx, part{"database", func(ctx context.Context) error {
		<-ctx.Done()
		a.Close()
		return nil
	}})
	w, err := app.NewWorker(a, wc)
	if err != nil {
		return err
	}
	u.parts.start(ctx, part{"worker", w.Run})
	p, err := portal.New(a, pc)
	if err != nil {
		return err
	}
	u.parts.start(ctx, part{"portal", p.Run})
	e, err := edge.New(ctx, ec)
	if err != nil {
		return err
	}
	u.parts.start(ctx, part{"edge", e.Run})
	for name, ready := range map[string]<-chan struct{}{"worker": w.Ready(), "portal": p.Ready(), "edge": e.Ready()} {
		select {
		case <-ready:
		case err := <-u.parts.failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(30 * time.Second):
			return fmt.Errorf("the %s is not ready after 30 s", name)
		}
	}
	return nil
}

// defaults fills in what `up` makes itself: the data directory, the root secret,
// the database, and that backends may be on this machine.
func (u *up) defaults() error {
	u.dir = u.v.String(settings.DataDir)
	if err := os.MkdirAll(u.dir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	if !u.v.Given(settings.SecretKey) {
		key, err := keep(filepath.Join(u.dir, "secret.key"), newRootSecret)
		if err != nil {
			return err
		}
		u.v.Set(settings.SecretKey, key)
	}
	root, err := contract.ParseRoot(u.v.String(settings.SecretKey))
	if err != nil {
		return wrong(err)
	}
	u.v.Set(settings.EdgeSecret, root.Edge.Secret())
	if !u.v.Given(settings.DatabaseURL) {
		u.v.Set(settings.DatabaseURL, "sqlite:"+filepath.Join(u.dir, "tollgate.db"))
	}
	if !u.v.Given(settings.AllowPrivateUpstreams) {
		u.v.Set(settings.AllowPrivateUpstreams, "true")
	}
	u.edges()
	if err := u.echo(); err != nil {
		return err
	}
	if !u.v.Given(settings.PublicURL) {
		u.v.Set(settings.PublicURL, localURL(u.v.String(settings.PortalAddr)))
	}
	return nil
}

// keep returns what stands in a file, or makes it and writes it there.
func keep(file string, mint func() (string, error)) (string, error) {
	b, err := os.ReadFile(file)
	if err == nil {
		return strings.TrimSpace(string(b)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read %s: %w", file, err)
	}
	s, err := mint()
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(file, []byte(s+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write %s: %w", file, err)
	}
	return s, nil
}

// redis starts a local Redis unless the operator has one, and says which is used.
func (u *up) redis(ctx context.Context) (string, error) {
	if u.v.Given(settings.RedisURL) {
		return "your Redis", nil
	}
	s, err := localredis.Start(ctx, u.dir, u.log)
	if err != nil {
		return "", err
	}
	u.v.Set(settings.RedisURL, s.URL)
	u.parts.start(ctx, part{"redis", s.Run})
	return s.Kind, nil
}

func (u *up) migrate(ctx context.Context) error {
	r, err := migrations.Open(ctx, u.v.String(settings.DatabaseURL))
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = r.Up(ctx)
	return err
}

// ownAddrs are the addresses that this process listens on: no upstream may
// reach the portal or an admin listener through the edge.
func (u *up) ownAddrs() (out []netip.AddrPort) {
	for _, name := range []string{settings.EdgeAddr, settings.EdgeTLSAddr, settings.EdgeAdminAddr, settings.PortalAddr, settings.PortalAdminAddr, settings.WorkerAddr} {
		a, err := net.ResolveTCPAddr("tcp", u.v.String(name))
		if err != nil || a.Port == 0 {
			continue
		}
		ips := []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
		if ip, ok := netip.AddrFromSlice(a.IP); ok && !ip.IsUnspecified() {
			ips = []netip.Addr{ip.Unmap()}
		}
		for _, ip := range ips {
			out = append(out, netip.AddrPortFrom(ip, uint16(a.Port)))
		}
	}
	return out
}

// greet says where everything is, and seeds the demo when asked to.
func (u *up) greet(ctx context.Context, store string) error {
	seed, err := u.v.Bool(demoFlag)
	if err != nil {
		return wrong(err)
	}
	portalURL, edgeURL := localURL(u.v.String(settings.PortalAddr)), localURL(u.v.String(settings.EdgeAddr))
	var s *demo.Seeded
	if seed {
		if s, err = u.seed(ctx, portalURL); err != nil {
			return err
		}
	}
	fmt.Fprintf(u.out, "\nTollgate is up after %.1f s (%s, %s).\n\n", time.Since(u.began).Seconds(), databaseKind(u.v.String(settings.DatabaseURL)), store)
	fmt.Fprintf(u.out, "  portal  %s   documentation %s/docs\n  edge    %s\n  data    %s\n", portalURL, portalURL, edgeURL, u.dir)
	if s != nil {
		fmt.Fprintf(u.out, "\nTry it:\n\n  curl -i %s/hello/world -H 'Host: %s' -H 'X-API-Key: %s'\n\n", edgeURL, s.Hostname, s.Key)
		fmt.Fprintf(u.out, "Without the key it answers 401. The key may be used %d times a day; then it answers 429.\n", demo.Quota)
		fmt.Fprintf(u.out, "Sign in at the portal, %s/login, as %s with %s. Programs use the API with a token:\n\n  curl %s/v1/gateways -H 'Authorization: Bearer %s'\n", portalURL, s.Email, s.Password, portalURL, s.Token)
	}
	fmt.Fprint(u.out, "\nCtrl-C stops it.\n")
	return nil
}

// seed starts the echo backends and makes the demo, and waits until the edge
// answers for it.
func (u *up) seed(ctx context.Context, portalURL string) (*demo.Seeded, error) {
	var targets []string
	var parts []part
	for i := range 2 {
		e, err := demo.NewEcho(fmt.Sprintf("echo-%d", i+1), fmt.Sprintf("127.0.0.1:%d", 9101+i))
		if err != nil {
			return nil, err
		}
		targets = append(targets, e.URL())
		parts = append(parts, part{"echo backend", e.Run})
	}
	u.parts.start(ctx, parts...)
	return demo.Seed(ctx, portalURL, u.dir, targets)
}

// localURL is where a listener's address is reached from this machine.
func localURL(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "http://" + addr
	}
	if ip, err := netip.ParseAddr(host); host == "" || (err == nil && ip.IsUnspecified()) {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

func databaseKind(url string) string {
	if strings.HasPrefix(url, "sqlite:") {
		return "SQLite"
	}
	return "PostgreSQL"
}
