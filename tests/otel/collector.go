package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
)

// sink writes what the collector's receiver took, as OTLP's own JSON.
type sink struct {
	mu sync.Mutex // guards to
	to io.Writer
}

func (s *sink) line(signal string, js []byte, err error) error {
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err = fmt.Fprintf(s.to, "%s %s\n", signal, js)
	return err
}

// collect serves at an address until ctx ends.
func collect(ctx context.Context, addr string, to io.Writer) error {
	s := &sink{to: to}
	traces, err1 := consumer.NewTraces(func(_ context.Context, t ptrace.Traces) error {
		js, err := (&ptrace.JSONMarshaler{}).MarshalTraces(t)
		return s.line("traces", js, err)
	})
	metrics, err2 := consumer.NewMetrics(func(_ context.Context, m pmetric.Metrics) error {
		js, err := (&pmetric.JSONMarshaler{}).MarshalMetrics(m)
		return s.line("metrics", js, err)
	})
	logs, err3 := consumer.NewLogs(func(_ context.Context, l plog.Logs) error {
		js, err := (&plog.JSONMarshaler{}).MarshalLogs(l)
		return s.line("logs", js, err)
	})
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	f := otlpreceiver.NewFactory()
	cfg := f.CreateDefaultConfig().(*otlpreceiver.Config)
	cfg.Protocols.GRPC = configoptional.None[configgrpc.ServerConfig]()
	cfg.Protocols.HTTP.GetOrInsertDefault().ServerConfig.NetAddr.Endpoint = addr
	set, host := receivertest.NewNopSettings(f.Type()), componenttest.NewNopHost()
	// One receiver behind three faces: the collector makes it once for a configuration.
	a, err1 := f.CreateTraces(ctx, set, cfg, traces)
	b, err2 := f.CreateMetrics(ctx, set, cfg, metrics)
	c, err3 := f.CreateLogs(ctx, set, cfg, logs)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	for _, r := range []interface {
		Start(context.Context, component.Host) error
	}{a, b, c} {
		if err := r.Start(context.WithoutCancel(ctx), host); err != nil {
			return err
		}
	}
	<-ctx.Done()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(a.Shutdown(ctx), b.Shutdown(ctx), c.Shutdown(ctx))
}
