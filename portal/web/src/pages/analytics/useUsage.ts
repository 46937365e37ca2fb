import { $api } from '@/api/client';
import { steady } from '@/api/queries';
import { asReport } from './series';
import { intervalIn, questionOf, rangeIn, refreshMs, type View } from './view';

/** The whole of a gateway's usage in the view's time; it reads itself again while it is live. */
export function useUsage(gateway: string, view: View) {
  const range = rangeIn(view);
  const interval = intervalIn(view, range);
  const query = $api.useQuery(
    'get',
    '/v1/gateways/{gateway}/usage',
    { params: { path: { gateway }, query: questionOf(view, range) } },
    { ...steady, select: asReport, refetchInterval: refreshMs(view, interval), staleTime: 0 },
  );
  return { query, interval };
}
