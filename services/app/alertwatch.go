package app

import (
	"context"
	"math"
	"time"

	"github.com/tollgate/tollgate/services/alert"
)

// certificate reads how many days are left of the gateway's certificate that ends
// first, and whether one of them or a domain can't be renewed.
func (f figures) certificate(ctx context.Context, a *alert.Alert, now time.Time) (alert.Figure, error) {
	w, err := f.a.Gateways.WatchCertificates(ctx, a.Organization, a.Gateway)
	if err != nil {
		return alert.Figure{}, err
	}
	out := alert.Figure{Known: w.Of != "", Subject: w.Of, Broken: w.Broken}
	if out.Known {
		out.Value = math.Round(w.Ends.Sub(now).Hours()/24*100) / 100
	}
	return out, nil
}

// telemetry reads for how many minutes a telemetry destination of the gateway has
// failed; 0: none does.
func (f figures) telemetry(ctx context.Context, a *alert.Alert, now time.Time) (alert.Figure, error) {
	name, since, err := f.a.Telemetry.Failing(ctx, a.Organization, a.Gateway, a.GatewayName)
	if err != nil || name == "" {
		return alert.Figure{Known: err == nil}, err
	}
	return alert.Figure{Known: true, Value: math.Round(now.Sub(since).Minutes()*100) / 100, Subject: "The telemetry destination " + name}, nil
}
