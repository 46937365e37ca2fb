import createFetchClient, { type Client, type Middleware } from 'openapi-fetch';
import createQueryClient from 'openapi-react-query';
import { currentOrganization } from './organization';
import { problemOf, unreachable } from './problem';
import type { components, paths } from './schema';
import { noteVersion } from './versions';

export type Schemas = components['schemas'];

/** 22 characters that no other request has. Works without a secure context too. */
export function uniqueKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replace(/[+/=]/g, (c) => ({ '+': '-', '/': '_' })[c] ?? '');
}

const changed = /^\/v1\/gateways\/([^/]+)/;

let signedOut: () => void = () => {};

/** Says what happens when the session turns out to be gone. */
export function onSignedOut(act: () => void): void {
  signedOut = act;
}

// Every call passes here: it names the organization, makes each POST safe to
// repeat, turns every failure into a Problem and notes the versions it made.
const rules: Middleware = {
  onRequest({ request }) {
    const organization = currentOrganization();
    if (organization && !request.headers.has('Tollgate-Organization')) {
      request.headers.set('Tollgate-Organization', organization);
    }
    if (request.method === 'POST' && !request.headers.has('Idempotency-Key')) {
      request.headers.set('Idempotency-Key', uniqueKey());
    }
    return request;
  },
  async onResponse({ request, response }) {
    if (!response.ok) {
      const problem = await problemOf(response);
      if (problem.status === 401 && problem.code === 'unauthenticated') signedOut();
      throw problem;
    }
    const version = Number(response.headers.get('Tollgate-Version'));
    const gateway = changed.exec(new URL(request.url).pathname)?.[1];
    if (request.method !== 'GET' && gateway && version > 0) noteVersion(decodeURIComponent(gateway), version);
    return response;
  },
  onError({ error }) {
    if (error instanceof DOMException && error.name === 'AbortError') return;
    return unreachable();
  },
};

/** What the client reads; CSV and event streams are for links and fetch. */
type Media = 'application/json' | 'application/problem+json';

const client = createFetchClient<paths, Media>({ baseUrl: `${window.location.origin}/` });
client.use(rules);

// ETags of what was read, by the object that the page holds: a form saves with
// the tag of exactly the state it was filled from.
const tags = new WeakMap<object, string>();

/** The ETag of a resource that a query or mutation returned, for If-Match. */
export function etagOf(resource: object | undefined | null): string | undefined {
  return resource ? tags.get(resource) : undefined;
}

/** Gives one object the ETag of another with the same content. */
export function copyEtag<T>(from: unknown, to: T): T {
  if (from !== to && from !== null && to !== null && typeof from === 'object' && typeof to === 'object') {
    const tag = tags.get(from);
    if (tag) tags.set(to, tag);
  }
  return to;
}

type Call = (...args: unknown[]) => Promise<{ data?: unknown; response: Response }>;

/** tagged remembers the ETag of each answer. */
function tagged(call: Call): Call {
  return async (...args) => {
    const result = await call(...args);
    const tag = result.response.headers.get('ETag');
    if (tag && result.data !== null && typeof result.data === 'object') tags.set(result.data, tag);
    return result;
  };
}

const methods = new Set(['GET', 'PUT', 'POST', 'PATCH', 'DELETE']);

/**
 * The typed client: `api.GET('/v1/gateways/{gateway}', {params: {path: {gateway}}})`.
 * It throws a Problem; `data` is what the API answered.
 */
export const api: Client<paths, Media> = new Proxy(client, {
  get(target, name, receiver) {
    const member: unknown = Reflect.get(target, name, receiver);
    return typeof name === 'string' && methods.has(name) ? tagged(member as Call) : member;
  },
});

/** The same as hooks: `$api.useQuery('get', '/v1/gateways')`. */
export const $api = createQueryClient<paths, Media>(api);
