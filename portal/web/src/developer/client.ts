import createFetchClient, { type Client, type Middleware } from 'openapi-fetch';
import createQueryClient from 'openapi-react-query';
import type { Schemas } from '@/api/client';
import { problemOf, unreachable } from '@/api/problem';
import { queryClient } from '@/api/queries';
import type { paths } from '@/api/schema';
import { label } from './label';

export type Info = Schemas['PortalInfo'];
export type Developer = Schemas['PortalDeveloper'];
export type Key = Schemas['PortalKey'];

// Every failure is a Problem. The cookie of a developer goes along by itself, and
// nothing of the owners' portal does.
const rules: Middleware = {
  async onResponse({ response }) {
    if (response.ok) return response;
    const problem = await problemOf(response);
    // Not signed in any more: pages ask again and lead to the sign-in.
    if (problem.status === 401 && problem.code === 'unauthenticated') queryClient.setQueryData(meKey, null);
    throw problem;
  },
  onError({ error }) {
    if (error instanceof DOMException && error.name === 'AbortError') return;
    return unreachable();
  },
};

const client = createFetchClient<paths>({ baseUrl: `${window.location.origin}/` });
client.use(rules);

/** The typed client of the developer portal; it throws Problems. */
export const api: Client<paths> = client;
/** The same as hooks. */
export const $api = createQueryClient(api);

/** The parameters that every path has. */
export const here = { path: { label } } as const;

/** Where the signed-in developer is kept; null: nobody is signed in. */
export const meKey = ['developer', 'me'] as const;
