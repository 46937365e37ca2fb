package gateway

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tollgate/tollgate/services/contract"
)

// Config decodes the source's configuration, with ids and nums.
func (src *Source) Config() (*Config, error) {
	c := &Config{Settings: src.Gateway.Settings}
	if len(src.Policies) > 0 {
		if err := json.Unmarshal(src.Policies, &c.Policies); err != nil {
			return nil, fmt.Errorf("decode policies of gateway %s: %w", src.Gateway.ID, err)
		}
	}
	var err error
	if c.Upstreams, err = upstreams.items(src.Entries[KindUpstream]); err != nil {
		return nil, err
	}
	if c.Routes, err = routes.items(src.Entries[KindRoute]); err != nil {
		return nil, err
	}
	if c.UsagePlans, err = usagePlans.items(src.Entries[KindUsagePlan]); err != nil {
		return nil, err
	}
	if c.Streams, err = streams.items(src.Entries[KindStream]); err != nil {
		return nil, err
	}
	c.OpenAPI = src.OpenAPI
	return c, nil
}

// clone copies what an edit may assign to: lists and items, but not what hangs
// below an item, which edits replace and never change in place.
func (c *Config) clone() Config {
	out := *c
	out.Policies = slices.Clone(c.Policies)
	out.Upstreams = slices.Clone(c.Upstreams)
	out.Routes = slices.Clone(c.Routes)
	out.UsagePlans = slices.Clone(c.UsagePlans)
	out.Streams = slices.Clone(c.Streams)
	return out
}

// Compile makes the document of a source: a pure function, so that the same
// rows give the same bytes. A deleted gateway gives a tombstone.
func Compile(src *Source, edgeDomain string) (*contract.Gateway, error) {
	doc := head(&src.Gateway, edgeDomain)
	if src.Gateway.Deleted {
		doc.Deleted, doc.Hosts = true, nil
		return doc, nil
	}
	c, err := src.Config()
	if err != nil {
		return nil, err
	}
	fill(doc, c)
	if doc.OpenAPI, err = c.edgeOpenAPI(); err != nil {
		return nil, err
	}
	doc.Hosts = servedHosts(doc.Hosts[0], src.Domains)
	dropLapsed(doc, src.Domains)
	dropLapsedNames(doc)
	doc.Schema = contract.DocumentNeeds(doc)
	doc.Secrets = map[string][]byte{}
	for i := range src.Secrets {
		doc.Secrets[src.Secrets[i].Name] = src.Secrets[i].EdgeSealed
	}
	doc.Certificates = documentCertificates(src.Certificates, src.Domains, doc.Hosts)
	slices.SortFunc(doc.Upstreams, func(a, b contract.Upstream) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(doc.Routes, func(a, b contract.Route) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(doc.Streams, func(a, b contract.Stream) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(doc.UsagePlans, func(a, b contract.UsagePlan) int { return cmp.Compare(a.Name, b.Name) })
	return doc, nil
}

func head(g *Gateway, edgeDomain string) *contract.Gateway {
	return &contract.Gateway{
		Schema: contract.DocumentSchema, ID: g.ID, Num: g.Num, Name: g.Name, Label: g.Label,
		Organization: string(g.Organization), OrganizationNum: g.OrganizationNum,
		Mode: g.Mode, Version: g.Version, Hosts: []string{g.Label + "." + edgeDomain},
	}
}

func fill(doc *contract.Gateway, c *Config) {
	doc.ServerTiming, doc.LogSample, doc.Tracing, doc.ClientCertificates = c.ServerTiming, c.LogSample, c.Tracing, c.ClientCertificates
	doc.OpenAPI = c.OpenAPI
	doc.Policies, doc.Upstreams, doc.Routes, doc.UsagePlans, doc.Streams = c.Policies, c.Upstreams, c.Routes, c.UsagePlans, c.Streams
}

// document is a draft as Checker sees it: in the order in which it was sent, so
// that pointers fit, at the version it would become.
func (s *Service) document(g *Gateway, d *draft) *contract.Gateway {
	doc := head(g, s.edgeDomain)
	doc.Name = d.name
	doc.Version++
	fill(doc, &d.config)
	doc.Secrets = map[string][]byte{}
	for i := range d.source.Secrets {
		doc.Secrets[d.source.Secrets[i].Name] = d.source.Secrets[i].EdgeSealed
	}
	if d.secrets.remove != nil {
		delete(doc.Secrets, d.secrets.remove.Name)
	}
	for _, p := range d.secrets.puts {
		doc.Secrets[p.Name] = p.EdgeSealed
	}
	domains := d.domains.after(d.source.Domains)
	doc.Hosts = knownHosts(doc.Hosts[0], domains)
	doc.Certificates = documentCertificates(d.certificates.after(d.source.Certificates), domains, doc.Hosts)
	return doc
}
