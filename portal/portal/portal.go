package portal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/otlp"
	"github.com/tollgate/tollgate/gateway-edge/policy/builtin"
	"github.com/tollgate/tollgate/portal/docs"
	"github.com/tollgate/tollgate/portal/echo"
	"github.com/tollgate/tollgate/portal/internal/httpapi"
	"github.com/tollgate/tollgate/portal/internal/mail"
	"github.com/tollgate/tollgate/portal/internal/relay"
	"github.com/tollgate/tollgate/portal/internal/webui"
	"github.com/tollgate/tollgate/portal/web"
	"github.com/tollgate/tollgate/services/app"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/tenant"
)

// Portal is a portal that listens. It is run once.
type Portal struct {
	config   Config
	app      *app.App
	log      *slog.Logger
	mailer   tenant.Mailer
	public   *http.Server
	admin    *http.Server
	listener net.Listener
	adminOn  net.Listener
	echo     *echo.Server // nil: there is none
	ready    chan struct{}
	metrics  *metrics
	traces   *otlp.Exporter // nil: the operator has no collector
	drain    chan struct{}  // closed when the portal begins to drain: streams end
	draining atomic.Bool
}

// New makes a portal over the services and opens its listeners.
func New(a *app.App, c Config) (*Portal, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	public, err := publicURL(a.Config.PublicURL)
	if err != nil {
		return nil, err
	}
	p := &Portal{
		config: c, app: a, log: c.Logger, ready: make(chan struct{}), drain: make(chan struct{}), metrics: newMetrics(c.Version),
	}
	p.metrics.billing(a.Billing.Stats)
	p.openTelemetry()
	m, box, err := c.mailer()
	if err != nil {
		return nil, err
	}
	p.mailer = m
	api, err := p.api(public)
	if err != nil {
		return nil, err
	}
	pages, err := webui.New(webui.Config{
		Tenants: a.Tenants, Operations: api.Operations(), Logger: c.Logger,
		Docs: docs.Files, Web: web.Files(), Actor: api.Actor,
	})
	if err != nil {
		return nil, err
	}
	p.public = server(p.routes(api, pages, box))
	p.admin = server(p.adminRoutes())
	if err := p.listen(); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// api makes the management API.
func (p *Portal) api(public *url.URL) (*httpapi.Server, error) {
	policies, err := httpapi.Policies(builtin.Catalogue())
	if err != nil {
		return nil, err
	}
	clock := p.app.Config.Clock
	if clock == nil {
		clock = core.SystemClock
	}
	var through *relay.Relay
	if p.config.EdgeURL != nil {
		if through, err = relay.New(p.config.EdgeURL); err != nil {
			return nil, err
		}
	}
	providers, err := p.config.providers(public, clock)
	if err != nil {
		return nil, err
	}
	tickets, err := p.app.Config.Root.Derive("portal tickets v1")
	if err != nil {
		return nil, err
	}
	return httpapi.New(httpapi.Config{
		Services: httpapi.Services{
			Tenants: p.app.Tenants, Plans: p.app.Plans, Audit: p.app.Audits, Gateways: p.app.Gateways,
			Consumers: p.app.Consumers, Keys: p.app.Keys, Status: p.app.Status, Usage: p.app.Usage, Alerts: p.app.Alerts, Releases: p.app.Releases, Budgets: p.app.Budgets, Billing: p.app.Billing, Hours: p.app.Hours,
			Developers: p.app.Developers, Telemetry: p.app.Telemetry, Webhooks: p.app.Webhooks, Operators: p.app.Operators,
		},
		Providers: providers, TicketKey: tickets,
		Policies: policies, Clock: clock, Logger: p.log, PublicURL: public,
		EdgePublicURL: p.config.EdgePublicURL, Relay: through, EchoURL: p.config.EchoURL, Mail: p.config.SMTPURL != "",
		TrustedProxies: p.config.TrustedProxies, Observe: p.observe, Draining: p.drain,
	})
}

// server bounds everything that a caller could draw out. Answers may take as long
// as the longest wait; a stream sets its own deadlines.
func server(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute,
		WriteTimeout: 90 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
	}
}

func (p *Portal) listen() (err error) {
	if p.listener, err = net.Listen("tcp", p.config.Addr); err != nil {
		return fmt.Errorf("listen for the portal: %w", err)
	}
	switch {
	case p.config.EchoListener != nil:
		p.echo = echo.On("echo", p.config.EchoListener)
	case p.config.EchoAddr != "":
		if p.echo, err = echo.Listen("echo", p.config.EchoAddr); err != nil {
			return err
		}
	}
	if p.config.AdminAddr == "" {
		return nil
	}
	if p.adminOn, err = net.Listen("tcp", p.config.AdminAddr); err != nil {
		return fmt.Errorf("listen for the portal's health and metrics: %w", err)
	}
	return nil
}

// Addr is where the portal listens.
func (p *Portal) Addr() netip.AddrPort { return addrOf(p.listener) }

// AdminAddr is where health and metrics are; zero for nowhere.
func (p *Portal) AdminAddr() netip.AddrPort { return addrOf(p.adminOn) }

func addrOf(l net.Listener) netip.AddrPort {
	if l == nil {
		return netip.AddrPort{}
	}
	a, _ := l.Addr().(*net.TCPAddr)
	return a.AddrPort()
}

// routes are the public face.
func (p *Portal) routes(api *httpapi.Server, pages http.Handler, box *mail.Box) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/v1/", api)
	mux.HandleFunc("GET /healthz", healthz)
	mux.HandleFunc("GET /readyz", p.readyz)
	if box != nil && p.config.DevMails {
		mux.Handle("GET /dev/mails", box)
	}
	mux.Handle("/", api.Protect(pages))
	return mux
}

// Ready is closed when the portal serves and its database answers.
func (p *Portal) Ready() <-chan struct{} { return p.ready }

// Run serves until ctx ends, then drains.
func (p *Portal) Run(ctx context.Context) error {
	defer p.close()
	running, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var all sync.WaitGroup
	serve := func(s *http.Server, l net.Listener) {
		if l == nil {
			return
		}
		all.Go(func() {
			if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				stop(fmt.Errorf("serve %s: %w", l.Addr(), err))
			}
		})
	}
	serve(p.public, p.listener)
	serve(p.admin, p.adminOn)
	all.Go(func() {
		if err := p.app.Tenants.RunMail(running, p.mailer); err != nil {
			stop(fmt.Errorf("send mails: %w", err))
		}
	})
	if p.echo != nil {
		all.Go(func() {
			if err := p.echo.Run(running); err != nil {
				stop(err)
			}
		})
	}
	for _, run := range p.exports() {
		all.Go(func() { _ = run(running) }) // they end with their context alone
	}
	all.Go(func() { p.becomeReady(running) })
	<-running.Done()
	p.draining.Store(true)
	close(p.drain)
	err := p.shutdown(context.WithoutCancel(ctx))
	all.Wait()
	if cause := context.Cause(running); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// shutdown lets open requests finish. Health goes last.
func (p *Portal) shutdown(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.config.Drain)
	defer cancel()
	err := p.public.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("requests did not end within %s: %w", p.config.Drain, err)
		_ = p.public.Close() // what is left is broken off
	}
	_ = p.admin.Close() // probes may be broken off
	return err
}

// close closes the listeners; those that were served are closed already.
func (p *Portal) close() {
	for _, l := range []net.Listener{p.listener, p.adminOn} {
		if l != nil {
			_ = l.Close()
		}
	}
	if p.echo != nil {
		p.echo.Close()
	}
}

// becomeReady closes Ready once the database answers.
func (p *Portal) becomeReady(ctx context.Context) {
	for {
		if p.app.Ready(ctx) == nil {
			close(p.ready)
			return
		}
		t := time.NewTimer(200 * time.Millisecond)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
	}
}
