import { request } from 'node:http';
import type { Page } from 'playwright-core';
import { Api, signUp, within } from './api';
import type { Backend } from './backend';
import { mailedLink } from './mail';
import type { Tollgate } from './tollgate';

/** Names that fill the braces of a page's path. */
export type Words = Record<string, string>;

/** An organization with one gateway that has some of everything, and traffic behind it. */
export async function seedFull(page: Page, tollgate: Tollgate, backends: Backend[]): Promise<{ api: Api; words: Words }> {
  const api = await signUp(page, tollgate.portal, 'ada@example.com', 'Difference Engines');
  const gw = 'shop';
  const base = `/v1/gateways/${gw}`;
  const made = await api.post<{ hostname: string }>('/v1/gateways', { name: gw, mode: 'live' });
  await api.post('/v1/gateways', { name: 'shop-staging', mode: 'test' });
  await api.put(`${base}/upstreams/orders-backend`, { targets: backends.map((b) => ({ url: b.url })), algorithm: 'least_request', health: { type: 'http', path: '/' } });
  await api.put(`${base}/upstreams/catalogue`, { targets: [{ url: backends[0]?.url, weight: 3 }, { url: 'http://127.0.0.1:59999' }], health: { type: 'http', path: '/' } });
  await api.put(`${base}/upstreams/database`, { targets: [{ url: 'tcp://127.0.0.1:59998' }] });
  await api.put(`${base}/streams/database`, { protocol: 'tls', sni: [`db.${made.hostname}`], upstream: 'database' });
  await api.put(`${base}/secrets/signing-key`, { value: 'not a real one' });
  await api.put(`${base}/usage-plans/starter`, { rate_limit: { rate: 20, burst: 40 }, quota: { limit: 1000, period: 'day' } });
  await api.put(`${base}/usage-plans/partner`, { rate_limit: { rate: 200 }, concurrency: 50 });
  await api.put(`${base}/routes/orders`, { match: { path: '/orders/*', methods: ['GET', 'POST'] }, upstream: 'orders-backend', policies: [{ type: 'api_key', config: {} }] });
  await api.put(`${base}/routes/catalogue`, { match: { path: '/catalogue/{id}' }, upstream: 'catalogue', public: true });
  await api.put(`${base}/routes/broken`, { match: { path: '/broken' }, upstream: 'orders-backend', public: true });
  for (const [consumer, plan] of [['mobile-app', 'starter'], ['acme', 'partner'], ['warehouse', undefined]] as const) {
    await api.put(`${base}/consumers/${consumer}`, { usage_plan: plan, metadata: { contact: `${consumer}@example.com` } });
  }
  // One is taken by a backend, nobody listens for the other.
  await api.put(`${base}/webhooks/audit`, { url: backends[0]?.url, description: 'Into the audit store' });
  await api.put(`${base}/webhooks/provisioning`, { url: 'http://127.0.0.1:59996/keys', events: ['key.created', 'key.rotated', 'key.revoked', 'key.expiring'] });
  const key = await api.post<{ id: string; key: string }>(`${base}/keys`, { consumer: 'mobile-app', name: 'production' });
  await api.post(`${base}/keys`, { consumer: 'acme', name: 'partner portal' });
  const revoked = await api.post<{ id: string }>(`${base}/keys`, { consumer: 'warehouse', name: 'old scanner' });
  await api.post(`${base}/keys/${revoked.id}/revoke`);
  await api.put(`${base}/alerts/many-errors`, {
    kind: 'error_rate', threshold: 5, window: '5m', channels: [{ type: 'mail', to: ['ada@example.com'] }],
  });
  await api.put(`${base}/domains/api.example.com`, {});
  await api.post('/v1/telemetry/destinations', { name: 'collector', type: 'otlp', url: backends[0]?.url, signals: ['logs', 'traces'], headers: { Authorization: 'Bearer not-a-real-one' } });
  // Nobody listens there: it fails, and says so.
  await api.post('/v1/telemetry/destinations', { name: 'archive', type: 'http', url: 'http://127.0.0.1:59997/ingest', format: 'ndjson' });
  await api.post('/v1/tokens', { name: 'terraform', scopes: ['gateways:read', 'gateways:write'] });
  await api.post('/v1/invitations', { email: 'charles@example.com', role: 'developer' });
  await api.put(`${base}/developer-portal`, {
    published: true, name: 'The Shop’s API', tagline: 'Orders and the catalogue, for those who sell with us.', support: 'api@example.com',
    text: 'Read the reference, choose a plan and make a key.\n\nWhat is refused says why.',
    plans: [{ usage_plan: 'starter', title: 'Starter', description: 'To try it out.' }, { usage_plan: 'partner', title: 'Partner', description: 'For shops of any size.', approval: true }],
  });
  await api.put(`${base}/developer-portal/logo`, { image: logo });
  await api.get(`${base}/live?wait=10s`);
  const host = made.hostname;
  await within(5000, async () => {
    const response = await send(tollgate, host, '/orders/1', key.key);
    if (response.status !== 200) throw new Error(`the edge answers ${response.status}`);
  });
  for (let i = 0; i < 40; i++) await send(tollgate, host, `/orders/${i}`, key.key);
  for (let i = 0; i < 6; i++) await send(tollgate, host, `/catalogue/${i}`);
  for (let i = 0; i < 3; i++) await send(tollgate, host, '/broken');
  const refused = await send(tollgate, host, '/orders/1', 'tg_live_wrong');
  await seedDeveloper(page, tollgate, gw, 'joseph@example.com', 'starter', async (key) => {
    await within(5000, async () => {
      const response = await send(tollgate, host, '/orders/7', key);
      if (response.status !== 200) throw new Error(`the edge answers ${response.status}`);
    });
    for (let i = 0; i < 12; i++) await send(tollgate, host, `/orders/${i}`, key);
    await send(tollgate, host, '/nothing', key);
  });
  await within(20_000, async () => {
    await api.get(`${base}/requests/${refused.requestId}`);
    const usage = await api.get<{ total: { requests: number } }>(`${base}/usage`);
    if (usage.total.requests < 40) throw new Error(`the ledger has ${usage.total.requests} requests`);
  });
  const device = await api.post<{ user_code: string }>('/v1/login/device', { host: 'ada-laptop' });
  return {
    api,
    words: {
      gw, device: device.user_code, request: refused.requestId, key: key.id, route: 'orders', upstream: 'orders-backend', stream: 'database', domain: 'api.example.com', consumer: 'mobile-app', plan: 'starter', alert: 'many-errors', webhook: 'provisioning', destination: 'archive', label: gw,
    },
  };
}

/** An organization whose only gateway has nothing in it. */
export async function seedEmpty(page: Page, tollgate: Tollgate): Promise<{ api: Api; words: Words }> {
  const api = await signUp(page, tollgate.portal, 'grace@example.com', 'Nothing Yet');
  await api.post('/v1/gateways', { name: 'fresh', mode: 'live' });
  await api.put('/v1/gateways/fresh/usage-plans/open', {});
  await api.put('/v1/gateways/fresh/developer-portal', { published: true, name: 'Fresh', plans: [{ usage_plan: 'open' }] });
  await seedDeveloper(page, tollgate, 'fresh', 'mary@example.com');
  return { api, words: { gw: 'fresh', label: 'fresh' } };
}

/** Signs a developer up in a gateway's portal; with a plan there is a key too, which is used. */
async function seedDeveloper(page: Page, tollgate: Tollgate, label: string, email: string, plan?: string, use?: (key: string) => Promise<void>): Promise<void> {
  const api = new Api(page, tollgate.portal);
  const base = `/v1/developer/${label}`;
  const password = 'a long enough password';
  const { confirm } = await api.post<{ confirm: boolean }>(`${base}/signup`, { email, password, name: 'Jacquard Looms' });
  if (confirm) {
    const link = new URL(await mailedLink(tollgate, email, `/p/${label}/verify`));
    await api.post(`${base}/verify`, { token: link.searchParams.get('token') ?? new URLSearchParams(link.hash.slice(1)).get('token') });
  }
  await api.post(`${base}/login`, { email, password });
  if (!plan) return;
  await api.put(`${base}/plan`, { usage_plan: plan });
  const { key } = await api.post<{ key: string }>(`${base}/keys`, { name: 'checkout' });
  await use?.(key);
}

/** A small picture: a chequered board. */
const logo =
  'iVBORw0KGgoAAAANSUhEUgAAAGAAAAAgCAIAAABiouoDAAAAV0lEQVR42u3QMQ0AIAxE0VpgRxkr5pCHhGroSHnJzT+5F/fM0sbapb3eD0CAAAECBAgQIECAAAECBAgQoGZAvx2u9gEBAgQIECBAgAABAgQIECBAgJoBJd31DOIYspLsAAAAAElFTkSuQmCC';

export interface Answer {
  status: number;
  requestId: string;
  body: string;
}

/** One request to the edge, as a caller of the gateway sends it. */
export function send(tollgate: Tollgate, host: string, path: string, key?: string, fields: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    // Not fetch, which lets nobody set the Host; not every system resolves *.localhost.
    const outgoing = request(tollgate.edge + path, { headers: { Host: host, ...fields, ...(key ? { 'X-API-Key': key } : {}) } }, (incoming) => {
      let body = '';
      incoming.on('data', (chunk: Buffer) => (body += chunk.toString()));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const id = incoming.headers['x-request-id'];
        resolve({ status: incoming.statusCode ?? 0, requestId: typeof id === 'string' ? id : '', body });
      });
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}
