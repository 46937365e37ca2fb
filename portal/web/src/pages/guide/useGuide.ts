import { $api, type Schemas } from '@/api/client';

/** What the chosen gateway has already: the guide goes on where one stopped. */
export interface Progress {
  gateway: Schemas['Gateway'] | undefined;
  upstream: Schemas['Upstream'] | undefined;
  route: Schemas['Route'] | undefined;
  key: Schemas['Key'] | undefined;
  loading: boolean;
  error: unknown;
  retry: () => void;
}

/** Reads how far a gateway is. Without a name nothing is read. */
export function useProgress(name: string | undefined): Progress {
  const enabled = name !== undefined;
  const path = { gateway: name ?? '' };
  const first = { params: { path, query: { limit: 1 } } };
  const gateway = $api.useQuery('get', '/v1/gateways/{gateway}', { params: { path } }, { enabled });
  const upstreams = $api.useQuery('get', '/v1/gateways/{gateway}/upstreams', first, { enabled });
  const routes = $api.useQuery('get', '/v1/gateways/{gateway}/routes', first, { enabled });
  const keys = $api.useQuery('get', '/v1/gateways/{gateway}/keys', first, { enabled });
  const all = [gateway, upstreams, routes, keys];
  return {
    gateway: gateway.data,
    upstream: upstreams.data?.items[0],
    route: routes.data?.items[0],
    key: keys.data?.items[0],
    loading: enabled && all.some((q) => q.isPending),
    error: all.find((q) => q.error)?.error,
    retry: () => all.forEach((q) => void q.refetch()),
  };
}
