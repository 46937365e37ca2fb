package main

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/clock"
	"github.com/tollgate/tollgate/gateway-edge/internal/engine"
	"github.com/tollgate/tollgate/gateway-edge/internal/listen"
	"github.com/tollgate/tollgate/gateway-edge/internal/meter"
	"github.com/tollgate/tollgate/gateway-edge/internal/snapshot"
	"github.com/tollgate/tollgate/gateway-edge/internal/transport"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

type noLimits struct{}

func (noLimits) Update(*contract.Organization) {}

func main() {
	root, _ := contract.NewRootKeys(bytes.Repeat([]byte{7}, 32))
	ck := clock.New()
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	guard := &match.Guard{AllowPrivate: true}
	pools, _ := transport.New(transport.Config{Guard: guard, Logger: logger})
	reg, _ := balance.New(balance.Config{Guard: guard, Open: pools.Open, Now: ck.Boot, Wall: func() int64 { return time.Now().UnixMilli() }})
	dir, _ := os.MkdirTemp("", "zz")
	m, err := meter.Open(meter.Config{Dir: dir, Edge: "edge-1", Epoch: 1, Keys: &root.Edge, Logger: logger})
	if err != nil {
		panic(err)
	}
	store := snapshot.New(snapshot.Config{Keys: &root.Edge, Upstreams: reg, Now: ck.Boot, Logger: logger,
		Lookup: func(string) (*policy.Descriptor, bool) { return nil, false }, Deps: policy.Deps{Wall: time.Now},
		OrgLimits: func(*contract.Organization) snapshot.OrgLimits { return noLimits{} }})
	store.Table().SetComplete()
	eng, err := engine.New(engine.Config{Edge: "e", Domain: "localhost", Table: store.Table(), Meter: m, Clock: ck, Logger: logger})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	go eng.Run(ctx)
	go pools.Run(ctx)
	go m.Run(ctx)
	org := contract.Organization{Schema: 1, ID: "org_1", Num: 1, Version: 1, Plan: "pro", PlanNum: 2}
	raw, _ := contract.SignDocument(root.Signer, contract.KindOrganization, 1, org)
	store.Organization(raw, snapshot.Apply{ID: "org_1"})
	g := contract.Gateway{Schema: 1, ID: "gw_1", Num: 1, Version: 1, Organization: "org_1", OrganizationNum: 1, Name: "demo", Mode: "live", Hosts: []string{"bench.localhost"},
		Upstreams: []contract.Upstream{{Name: "up", ID: "up_1", Num: 1, Targets: []contract.Target{{URL: os.Args[2]}, {URL: os.Args[3]}}}},
		Routes:    []contract.Route{{Name: "all", ID: "rt_1", Num: 1, Match: contract.Match{Path: "/api/*"}, Upstream: "up", Public: true}}}
	raw, _ = contract.SignDocument(root.Signer, contract.KindGateway, 1, g)
	store.Gateway(ctx, raw, snapshot.Apply{ID: "gw_1", Compile: true})
	s, err := listen.New(listen.Config{Engine: eng, Addr: os.Args[1], MaxConnsPerIP: 10000, Logger: logger})
	if err != nil {
		panic(err)
	}
	if len(os.Args) > 4 {
		ln, _ := net.Listen("tcp", os.Args[4])
		go http.Serve(ln, nil)
	}
	s.Run(ctx)
}
