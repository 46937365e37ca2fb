package cli

import (
	"context"
	"io"
	"net/http"

	"github.com/tollgate/tollgate/infra/tollgate/cli/show"
	"github.com/tollgate/tollgate/portal/client"
)

// Fields that the API names objects by.
const (
	keyName = "name"
	keyID   = "id"
	keyHost = "host"
)

const mediaJSON = "application/json"

func gatewayKind() *kind {
	return &kind{
		use: "gateways", one: "gateway", short: "The API fronts of your organization", key: keyName, global: true, versioned: true,
		example: "  tollgate gateways create shop\n  tollgate gateways create shop-staging --mode test",
		columns: []column{field("name", "name"), field("mode", "mode"), field("url", "url"), field("version", "version"), {"live", liveText}},
		flags: []flag{
			textFlag("mode", "mode", "live or test (free limits, never billed)"),
			boolFlag("server-timing", "server_timing", "send edge and upstream milliseconds in Server-Timing"),
			shareFlag("log-sample", "log_sample", "share of successful requests that are logged, 0 to 1"),
		},
		list: func(ctx context.Context, c *client.ClientWithResponses, _ string, limit *int, cursor *string) (*http.Response, error) {
			return c.ListGateways(ctx, &client.ListGatewaysParams{Limit: limit, Cursor: cursor})
		},
		get: func(ctx context.Context, c *client.ClientWithResponses, _, key string) (*http.Response, error) {
			return c.GetGateway(ctx, key)
		},
		create: func(ctx context.Context, c *client.ClientWithResponses, _ string, body io.Reader) (*http.Response, error) {
			return c.CreateGatewayWithBody(ctx, nil, mediaJSON, body)
		},
		remove: func(ctx context.Context, c *client.ClientWithResponses, _, key string) (*http.Response, error) {
			return c.DeleteGateway(ctx, key, nil)
		},
		made: func(a *App, o object) { a.out.Note("It answers at %s", show.Clean(textAt(o, "url"))) },
	}
}

func upstreamKind() *kind {
	return &kind{
		use: "upstreams", one: "upstream", short: "Named pools of backends", key: keyName, versioned: true,
		example: "  tollgate upstreams create orders --target http://10.0.0.1:8080 --target http://10.0.0.2:8080=3",
		columns: []column{field("name", "name"), field("algorithm", "algorithm"), {"targets", targetsText}, field("managed by", "managed_by")},
		flags: []flag{
			targetFlag(),
			textFlag("algorithm", "algorithm", "how a target is chosen; default round_robin"),
			textFlag("protocol", "protocol", "http1, h2c or h2; default http1"),
			textFlag("health-path", "health.path", "path that is asked for to see whether a target is well"),
		},
		list: func(ctx context.Context, c *client.ClientWithResponses, gateway string, limit *int, cursor *string) (*http.Response, error) {
			return c.ListUpstreams(ctx, gateway, &client.ListUpstreamsParams{Limit: limit, Cursor: cursor})
		},
		get: func(ctx context.Context, c *client.ClientWithResponses, gateway, key string) (*http.Response, error) {
			return c.GetUpstream(ctx, gateway, key)
		},
		create: func(ctx context.Context, c *client.ClientWithResponses, gateway string, body io.Reader) (*http.Response, error) {
			return c.CreateUpstreamWithBody(ctx, gateway, nil, mediaJSON, body)
		},
		put: func(ctx context.Context, c *client.ClientWithResponses, gateway, key string, body io.Reader) (*http.Response, error) {
			return c.PutUpstreamWithBody(ctx, gateway, key, nil, mediaJSON, body)
		},
		remove: func(ctx context.Context, c *client.ClientWithResponses, gateway, key string) (*http.Response, error) {
			return c.DeleteUpstream(ctx, gateway, key, nil)
		},
	}
}

func routeKind() *kind {
	return &kind{
		use: "routes", one: "route", short: "Which requests go where, and the policies on their way", key: keyName, versioned: true,
		example: "  tollgate routes create orders --path '/orders/*' --upstream orders --policy api_key\n  tollgate routes create health --path /health --public --policy 'mock={\"status\": 200}'",
		columns: []column{field("name", "name"), {"methods", methodsText}, field("path", "match.path"), {"goes to", destinationText}, {"policies", policiesText}, field("managed by", "managed_by")},
		flags: []flag{
			textFlag("path", "match.path", "path that it takes: /exact, /a/{id}, /a/*, ~^/regex$"),
			listFlag("method", "match.methods", "method that it takes; default all"),
			listFlag("host", "match.hosts", "host that it takes; default all of the gateway's"),
			textFlag("upstream", "upstream", "upstream that requests are sent to"),
			policyFlag(),
			boolFlag("public", "public", "nobody has to authenticate"),
			numberFlag("priority", "priority", "of several routes that match, the one with the highest is taken"),
			textFlag("timeout", "timeout", "how long a request may take, such as 30s"),
		},
		list: func(ctx context.Context, c *client.ClientWithResponses, gateway string, limit *int, cursor *string) (*http.Response, error) {
			return c.ListRoutes(ctx, gateway, &client.ListRoutesParams{Limit: limit, Cursor: cursor})
		},
		get: func(ctx context.Context, c *client.ClientWithResponses, gateway, key string) (*http.Response, error) {
			return c.GetRoute(ctx, gateway, key)
		},
		create: func(ctx context.Context, c *client.ClientWithResponses, gateway string, body io.Reader) (*http.Response, error) {
			return c.CreateRouteWithBody(ctx, gateway, nil, mediaJSON, body)
		},
		put: func(ctx context.Context, c *client.ClientWithResponses, gateway, key string, body io.Reader) (*http.Response, error) {
			return c.PutRouteWithBody(ctx, gateway, key, nil, mediaJSON, body)
		},
		remove: func(ctx context.Context, c *client.ClientWithResponses, gateway, key string) (*http.Response, error) {
			return c.DeleteRoute(ctx, gateway, key, nil)
		},
	}
}

func consumerKind() *kind {
	return &kind{
		use: "consumers", one: "consumer", short: "Who calls a gateway", key: keyName,
		example: "  tollgate consumers create mobile-app --usage-plan gold --metadata team=mobile",
		columns: []column{field("name", "name"), field("usage plan", "usage_plan"), field("made", "created_at")},
		flags: []flag{
			textFlag("usage-plan", "usage_plan", "usage plan that it has"),
			pairFlag("metadata", "metadata", "what helps you recognise it"),
		},
		list: func(ctx context.Context, c *client.ClientWithResponses, gateway string, limit *int, cursor *string) (*http.Response, error) {
			return c.ListConsumers(ctx, gateway, &client.ListConsumersParams{Limit: limit, Cursor: cursor})
		},
		get: func(ctx context.Context, c *client.ClientWithResponses, gateway, key string) (*http.Response, error) {
			return c.GetConsumer(ctx, gateway, key)
		},
		create: func(ctx context.Context, c *client.ClientWithResponses, gateway string, body io.Reader) (*http.Response, error) {
			return c.CreateConsumerWithBody(ctx, gateway, nil, mediaJSON, body)
		},
		put: func(ctx context.Context, c *client.ClientWithResponses, gateway, key string, body io.Reader) (*http.Response, error) {
			return c.PutConsumerWithBody(ctx, gateway, key, nil, mediaJSON, body)
		},
		remove: func(ctx context.Context, c *client.ClientWithResponses, gateway, key string) (*http.Response, error) {
			return c.DeleteConsumer(ctx, gateway, key, nil)
		},
	}
}

func usagePlanKind() *kind {
	return &kind{
		use: "usage-plans", one: "usage plan", short: "What a consumer may do", key: keyName, versioned: true,
		example: "  tollgate usage-plans create gold --rate 100/second --quota 1000000/month",
		columns: []column{field("name", "name"), {"rate", rateText}, {"quota", quotaText}, field("at once", "concurrency"), field("routes", "routes"), field("managed by", "managed_by")},
		flags: []flag{
			perFlag("rate", "rate_limit", "rate", "per", "requests in a time, such as 100/second"),
			numberFlag("burst", "rate_limit.burst", "requests that may come at once"),
			perFlag("quota", "quota", "limit", "period", "requests in a calendar period, such as 10000/day"),
			numberFlag("concurrency", "concurrency", "requests at once; 0: no limit"),
			listFlag("route", "routes", "route that it is for; default all"),
		},
		list: func(ctx context.Context, c *client.ClientWithResponses, gateway string, limit *int, cursor *string) (*http.Response, error) {
			return c.ListUsagePlans(ctx, gateway, &client.ListUsagePlansParams{Limit: limit, Cursor: cursor})
		},
		get: func(ctx context.Context, c *client.ClientWithResponses, gateway, key string) (*http.Response, error) {
			return c.GetUsagePlan(ctx, gateway, key)
		},
		create: func(ctx context.Context, c *client.ClientWithResponses, gateway string, body io.Reader) (*http.Response, error) {
			return c.CreateUsagePlanWithBody(ctx, gateway, nil, mediaJSON, body)
		},
		put: func(ctx context.Context, c *client.ClientWithResponses, gateway, key string, body io.Reader) (*http.Response, error) {
			return c.PutUsagePlanWithBody(ctx, gateway, key, nil, mediaJSON, body)
		},
		remove: func(ctx context.Context, c *client.ClientWithResponses, gateway, key string) (*http.Response, error) {
			return c.DeleteUsagePlan(ctx, gateway, key, nil)
		},
	}
}

func keyKind() *kind {
	return &kind{
		use: "keys", one: "key", short: "API keys of consumers; a key itself is shown once, when it is made", key: keyID,
		example: "  KEY=$(tollgate keys create --consumer mobile-app --name phone)",
		columns: []column{field("id", "id"), field("prefix", "prefix"), field("consumer", "consumer"), field("name", "name"), field("state", "state"), field("ends", "expires_at"), field("last used", "last_used_at")},
		flags: []flag{
			textFlag("consumer", "consumer", "whose key it is"),
			textFlag("name", "name", "whatever helps you recognise it"),
			textFlag("expires-at", "expires_at", "when it ends, such as 2027-01-31T00:00:00Z; default never"),
			listFlag("scope", "scopes", "what it may be used for, as policies ask for it"),
			textFlag("usage-plan", "usage_plan", "usage plan instead of the consumer's"),
		},
		list: func(ctx context.Context, c *client.ClientWithResponses, gateway string, limit *int, cursor *string) (*http.Response, error) {
			return c.ListKeys(ctx, gateway, &client.ListKeysParams{Limit: limit, Cursor: cursor})
		},
		get: func(ctx context.Context, c *client.ClientWithResponses, gateway, key string) (*http.Response, error) {
			return c.GetKey(ctx, gateway, key)
		},
		create: func(ctx context.Context, c *client.ClientWithResponses, gateway string, body io.Reader) (*http.Response, error) {
			return c.CreateKeyWithBody(ctx, gateway, nil, mediaJSON, body)
		},
		made: shownKey,
	}
}

func domainKind() *kind {
	return &kind{
		use: "domains", one: "domain", short: "Your own hosts, and their certificates", key: keyHost, versioned: true,
		example: "  tollgate domains create api.example.com",
		columns: []column{field("host", "host"), field("state", "state"), field("certificate", "certificate.state"), field("problem", "problem")},
		flags: []flag{
			textFlag("certificate", "certificate", "automatic (issued and renewed by itself, the default) or uploaded"),
		},
		list: func(ctx context.Context, c *client.ClientWithResponses, gateway string, limit *int, cursor *string) (*http.Response, error) {
			return c.ListDomains(ctx, gateway, &client.ListDomainsParams{Limit: limit, Cursor: cursor})
		},
		get: func(ctx context.Context, c *client.ClientWithResponses, gateway, key string) (*http.Response, error) {
			return c.GetDomain(ctx, gateway, key)
		},
		put: func(ctx context.Context, c *client.ClientWithResponses, gateway, key string, body io.Reader) (*http.Response, error) {
			return c.PutDomainWithBody(ctx, gateway, key, nil, mediaJSON, body)
		},
		remove: func(ctx context.Context, c *client.ClientWithResponses, gateway, key string) (*http.Response, error) {
			return c.DeleteDomain(ctx, gateway, key, nil)
		},
		made: func(a *App, o object) {
			a.out.Note("Set this record, so that it is seen to be yours:\n  %s  %s  %s", show.Clean(textAt(o, "proof.name")), show.Clean(textAt(o, "proof.type")), show.Clean(textAt(o, "proof.value")))
			if target := textAt(o, "target"); target != "" {
				a.out.Note("and point the host to the edges:\n  %s  CNAME  %s", show.Clean(textAt(o, "host")), show.Clean(target))
			}
		},
	}
}

func (a *App) secretKind() *kind {
	return &kind{
		use: "secrets", one: "secret", short: "Values that policies and upstreams refer to; nobody is ever shown one", key: keyName, versioned: true,
		example: "  tollgate secrets create upstream-token --value-file token.txt\n  pass show upstream | tollgate secrets create upstream-token --value-file - --replace",
		columns: []column{field("name", "name"), field("made", "created_at"), field("changed", "updated_at")},
		flags: []flag{
			a.valueFileFlag(), a.valueFlag(),
		},
		list: func(ctx context.Context, c *client.ClientWithResponses, gateway string, limit *int, cursor *string) (*http.Response, error) {
			return c.ListSecrets(ctx, gateway, &client.ListSecretsParams{Limit: limit, Cursor: cursor})
		},
		get: func(ctx context.Context, c *client.ClientWithResponses, gateway, key string) (*http.Response, error) {
			return c.GetSecret(ctx, gateway, key)
		},
		put: func(ctx context.Context, c *client.ClientWithResponses, gateway, key string, body io.Reader) (*http.Response, error) {
			return c.PutSecretWithBody(ctx, gateway, key, nil, mediaJSON, body)
		},
		remove: func(ctx context.Context, c *client.ClientWithResponses, gateway, key string) (*http.Response, error) {
			return c.DeleteSecret(ctx, gateway, key, nil)
		},
		fileless: true,
	}
}
