/** One page of the portal, as the tests visit it. */
export interface PageCase {
  name: string;
  /** {gw} is the gateway; further words in braces are what the seed made. */
  path: string;
  /** Has a state without anything in it, visited with an empty organization or gateway. */
  empty?: boolean;
  /** Calls of the API whose failure the page must show; default everything but who is signed in. */
  fails?: string;
  /** Shows nothing that is read, so that nothing can fail. */
  still?: boolean;
  /** Visited signed out. */
  outside?: boolean;
  /** Visited by an operator; {organization} and {edge} are words too. */
  operator?: boolean;
}

export const pages: PageCase[] = [
  { name: 'landing', path: '/', outside: true, fails: '/v1/plans' },
  { name: 'signup', path: '/signup', outside: true, still: true },
  { name: 'login', path: '/login', outside: true, still: true },
  { name: 'login second step', path: '/login?step=second', outside: true, still: true },
  { name: 'login account exists', path: '/login?error=account_exists&provider=Google', outside: true, still: true },
  { name: 'forgot', path: '/forgot', outside: true, still: true },
  { name: 'reset', path: '/reset?token=abc', outside: true, still: true },
  { name: 'verify', path: '/verify?token=abc', outside: true, still: true },
  { name: 'join', path: '/join?token=abc', outside: true, fails: '/v1/invitations/lookup' },
  { name: 'no such page', path: '/gateways/{gw}/nothing', still: true },
  { name: 'device', path: '/device', still: true },
  { name: 'device with a code', path: '/device?code={device}', fails: '/v1/login/device/' },
  { name: 'device, unknown code', path: '/device?code=ZZZZ-ZZZZ', still: true },
  { name: 'guide', path: '/guide', still: true },
  { name: 'guide begun', path: '/guide?gateway={gw}' },
  { name: 'gateways', path: '/gateways', empty: true },
  { name: 'new gateway', path: '/new-gateway', still: true },
  { name: 'overview', path: '/gateways/{gw}/overview', empty: true },
  { name: 'copy', path: '/gateways/{gw}/copy', still: true },
  { name: 'gateway settings', path: '/gateways/{gw}/settings', still: true },
  { name: 'routes', path: '/gateways/{gw}/routes', empty: true },
  { name: 'new route', path: '/gateways/{gw}/new-route', still: true },
  { name: 'route policies', path: '/gateways/{gw}/routes/{route}?tab=policies', still: true },
  { name: 'route document', path: '/gateways/{gw}/routes/{route}?tab=code', still: true },
  { name: 'route try', path: '/gateways/{gw}/routes/{route}?tab=try', still: true },
  { name: 'route', path: '/gateways/{gw}/routes/{route}', fails: '/routes/' },
  { name: 'upstreams', path: '/gateways/{gw}/upstreams', empty: true },
  { name: 'new upstream', path: '/gateways/{gw}/new-upstream', still: true },
  { name: 'upstream', path: '/gateways/{gw}/upstreams/{upstream}', fails: '/upstreams/' },
  { name: 'upstream health', path: '/gateways/{gw}/upstreams/{upstream}?tab=health', still: true },
  { name: 'streams', path: '/gateways/{gw}/streams', empty: true, fails: '/streams' },
  { name: 'new stream', path: '/gateways/{gw}/new-stream', still: true },
  { name: 'stream', path: '/gateways/{gw}/streams/{stream}', fails: '/streams/' },
  { name: 'policies', path: '/gateways/{gw}/policies', empty: true, fails: '/policies' },
  { name: 'openapi', path: '/gateways/{gw}/openapi', empty: true, still: true },
  { name: 'import', path: '/gateways/{gw}/import', still: true },
  { name: 'consumers', path: '/gateways/{gw}/consumers', empty: true },
  { name: 'consumer', path: '/gateways/{gw}/consumers/{consumer}', fails: '/consumers/' },
  { name: 'consumer keys', path: '/gateways/{gw}/consumers/{consumer}?tab=keys', still: true },
  { name: 'consumer settings', path: '/gateways/{gw}/consumers/{consumer}?tab=settings', still: true },
  { name: 'usage plans', path: '/gateways/{gw}/usage-plans', empty: true },
  { name: 'usage plan', path: '/gateways/{gw}/usage-plans/{plan}', fails: '/usage-plans/' },
  { name: 'keys', path: '/gateways/{gw}/keys', empty: true },
  { name: 'key', path: '/gateways/{gw}/keys/{key}', fails: '/keys/' },
  { name: 'analytics', path: '/gateways/{gw}/analytics', empty: true, fails: '/usage' },
  { name: 'alerts', path: '/gateways/{gw}/alerts', empty: true },
  { name: 'new alert', path: '/gateways/{gw}/new-alert', still: true },
  { name: 'alert', path: '/gateways/{gw}/alerts/{alert}', fails: '/alerts/' },
  { name: 'webhooks', path: '/gateways/{gw}/webhooks', empty: true },
  { name: 'new webhook', path: '/gateways/{gw}/new-webhook', still: true },
  { name: 'webhook', path: '/gateways/{gw}/webhooks/{webhook}', fails: '/webhooks/' },
  { name: 'logs', path: '/gateways/{gw}/logs', empty: true, fails: '/logs' },
  { name: 'explain', path: '/gateways/{gw}/explain', still: true },
  { name: 'request', path: '/gateways/{gw}/requests/{request}', fails: '/requests/' },
  { name: 'versions', path: '/gateways/{gw}/versions', fails: '/versions' },
  { name: 'version', path: '/gateways/{gw}/versions/2', fails: '/versions/' },
  { name: 'secrets', path: '/gateways/{gw}/secrets', empty: true, fails: '/secrets' },
  { name: 'certificates', path: '/gateways/{gw}/certificates', empty: true, fails: '/certificates' },
  { name: 'callers’ certificates', path: '/gateways/{gw}/certificates?tab=callers', empty: true, still: true },
  { name: 'domains', path: '/gateways/{gw}/domains', empty: true, fails: '/domains' },
  { name: 'domain', path: '/gateways/{gw}/domains/{domain}', fails: '/domains/' },
  { name: 'developer portal settings', path: '/gateways/{gw}/developer-portal', empty: true, fails: '/developer-portal' },
  { name: 'developer portal reference', path: '/gateways/{gw}/developer-portal?tab=reference', empty: true, still: true },
  { name: 'developer portal applications', path: '/gateways/{gw}/developer-portal?tab=applications', empty: true, still: true },
  { name: 'developer portal developers', path: '/gateways/{gw}/developer-portal?tab=developers', empty: true, still: true },
  { name: 'members', path: '/organization/members', fails: '/v1/members' },
  { name: 'tokens', path: '/organization/tokens', empty: true, fails: '/v1/tokens' },
  { name: 'telemetry', path: '/organization/telemetry', empty: true, fails: '/v1/telemetry' },
  { name: 'new telemetry destination', path: '/organization/new-telemetry-destination', still: true },
  { name: 'telemetry destination', path: '/organization/telemetry/{destination}', fails: '/v1/telemetry/destinations/' },
  { name: 'audit', path: '/organization/audit', fails: '/v1/audit' },
  { name: 'organization settings', path: '/organization/settings', fails: '/v1/organization' },
  { name: 'plan and usage', path: '/billing/overview', fails: '/v1/subscription' },
  { name: 'plans to buy', path: '/billing/plans', fails: '/v1/plans' },
  { name: 'payment returns', path: '/billing/return?plan=pro', still: true },
  { name: 'invoices', path: '/billing/invoices', fails: '/v1/invoices' },
  { name: 'running period', path: '/billing/invoices/current', fails: '/v1/invoices/' },
  { name: 'welcome', path: '/welcome', still: true },
  { name: 'profile', path: '/account/profile', still: true },
  { name: 'security', path: '/account/security', fails: '/v1/totp' },
  { name: 'sessions', path: '/account/sessions', fails: '/v1/sessions' },
  { name: 'operator: organizations', path: '/operator/organizations', operator: true, fails: '/v1/operator/' },
  { name: 'operator: organization', path: '/operator/organizations/{organization}', operator: true, fails: '/v1/operator/' },
  { name: 'operator: edges', path: '/operator/edges', operator: true, fails: '/v1/operator/' },
  { name: 'operator: queues', path: '/operator/queues', operator: true, fails: '/v1/operator/' },
  { name: 'operator: to Stripe', path: '/operator/outgoing', operator: true, fails: '/v1/operator/outgoing' },
  { name: 'operator: abuse', path: '/operator/abuse', operator: true, fails: '/v1/operator/' },
  { name: 'operator: audit', path: '/operator/audit', operator: true, fails: '/v1/operator/' },
  { name: 'for developers', path: '/p/{label}', outside: true, fails: '/v1/developer/' },
  { name: 'for developers: reference', path: '/p/{label}/reference', outside: true, fails: '/openapi.json' },
  { name: 'for developers: sign-up', path: '/p/{label}/signup', outside: true, still: true },
  { name: 'for developers: sign-in', path: '/p/{label}/login', outside: true, still: true },
  { name: 'for developers: forgot', path: '/p/{label}/forgot', outside: true, still: true },
  { name: 'for developers: reset', path: '/p/{label}/reset?token=abc', outside: true, still: true },
  { name: 'for developers: verify', path: '/p/{label}/verify?token=abc', outside: true, still: true },
  { name: 'for developers: not signed in', path: '/p/{label}/keys', outside: true, still: true },
  { name: 'for developers: no such page', path: '/p/{label}/nothing', outside: true, still: true },
  { name: 'for developers: keys', path: '/p/{label}/keys', empty: true, fails: '/keys' },
  { name: 'for developers: usage', path: '/p/{label}/usage', empty: true, fails: '/usage' },
  { name: 'for developers: requests', path: '/p/{label}/requests', empty: true, fails: '/requests' },
  { name: 'for developers: account', path: '/p/{label}/account', fails: '/me' },
];

/** A dialog, by the page that it stands on and the button that opens it. */
export interface DialogCase {
  name: string;
  path: string;
  button: string;
  /** Default dialog. */
  role?: 'menu';
  /** Its button is there in wide windows only. */
  wide?: boolean;
  operator?: boolean;
}

export const dialogs: DialogCase[] = [
  { name: 'deletes a route', path: '/gateways/{gw}/routes/{route}', button: 'Delete' },
  { name: 'adds a policy', path: '/gateways/{gw}/policies', button: 'Add a policy', role: 'menu' },
  { name: 'changes the organization', path: '/gateways', button: 'Organization: Difference Engines. Change it', role: 'menu', wide: true },
  { name: 'leads to the account', path: '/gateways', button: 'Account of ada@example.com', role: 'menu', wide: true },
  { name: 'exports usage', path: '/gateways/{gw}/analytics', button: 'Export CSV', role: 'menu' },
  { name: 'makes a consumer', path: '/gateways/{gw}/consumers', button: 'New consumer' },
  { name: 'makes a usage plan', path: '/gateways/{gw}/usage-plans', button: 'New usage plan' },
  { name: 'issues a key', path: '/gateways/{gw}/keys', button: 'Issue a key' },
  { name: 'rotates a key', path: '/gateways/{gw}/keys/{key}', button: 'Rotate' },
  { name: 'revokes a key', path: '/gateways/{gw}/keys/{key}', button: 'Revoke' },
  { name: 'makes a secret', path: '/gateways/{gw}/secrets', button: 'New secret' },
  { name: 'uploads a certificate', path: '/gateways/{gw}/certificates', button: 'Upload a certificate' },
  { name: 'adds a domain', path: '/gateways/{gw}/domains', button: 'Add a domain' },
  { name: 'deletes a domain', path: '/gateways/{gw}/domains/{domain}', button: 'Delete' },
  { name: 'deletes a gateway', path: '/gateways/{gw}/settings', button: 'Delete the gateway' },
  { name: 'shows a delivery', path: '/gateways/{gw}/webhooks/{webhook}', button: 'Show key.revoked' },
  { name: 'deletes a webhook', path: '/gateways/{gw}/webhooks/{webhook}', button: 'Delete' },
  { name: 'invites', path: '/organization/members', button: 'Invite somebody' },
  { name: 'makes a token', path: '/organization/tokens', button: 'New management token' },
  { name: 'deletes a telemetry destination', path: '/organization/telemetry/{destination}', button: 'Delete' },
  { name: 'deletes an organization', path: '/organization/settings', button: 'Delete the organization' },
  { name: 'deletes an account', path: '/account/profile', button: 'Delete the account' },
  { name: 'sets up an authenticator', path: '/account/security', button: 'Set up an authenticator app' },
  { name: 'suspends an organization', path: '/operator/organizations/{organization}', button: 'Suspend', operator: true },
  { name: 'looks at an organization', path: '/operator/organizations/{organization}', button: 'Look at it as a viewer', operator: true },
  { name: 'drops a credit', path: '/operator/outgoing', button: 'Drop: Credit of $15.00 of Difference Engines', operator: true },
  { name: 'drains an edge', path: '/operator/edges', button: 'Drain {edge}', operator: true },
  { name: 'makes a key for developers', path: '/p/{label}/keys', button: 'New key' },
];
