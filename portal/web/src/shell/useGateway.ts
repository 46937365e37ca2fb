import { useParams } from '@tanstack/react-router';
import { $api, type Schemas } from '@/api/client';

/** The gateway that the address names (a name or an id). Only for pages below /gateways/$gw. */
export function useGatewayName(): string {
  const { gw } = useParams({ strict: false });
  if (!gw) throw new Error('This page is not inside a gateway.');
  return gw;
}

/** The gateway itself, as the frame around the page keeps it fresh. */
export function useGateway(): Schemas['Gateway'] | undefined {
  const gateway = useGatewayName();
  return $api.useQuery('get', '/v1/gateways/{gateway}', { params: { path: { gateway } } }).data;
}
