import { useNavigate } from '@tanstack/react-router';
import { refresh } from '@/api/queries';
import { useSearchParams } from '@/ui';
import { useDraft, type Draft, type DraftOptions } from '@/ui/useDraft';

/** What the API adds to every part of a gateway's configuration. */
interface Added {
  id: string;
  name: string;
  managed_by?: string;
  created_at: string;
  updated_at: string;
}

export interface PartOptions<Saved, Input extends object> extends Omit<DraftOptions<Saved, Input>, 'inputOf' | 'save'> {
  /** Sends a draft: as a new one, or in place of the one before. */
  send: (draft: Input, before: Saved | undefined) => Promise<{ data?: Saved }>;
  /** What is read again after a save, besides the versions. */
  changes: string[];
  /** The part's page. */
  page: '/gateways/$gw/routes/$name' | '/gateways/$gw/upstreams/$name' | '/gateways/$gw/streams/$name';
}

/** One draft of a named part of a gateway: after a save its page is the one of its name. */
export function usePartDraft<Saved extends Added, Input extends object>({ send, changes, page, ...rest }: PartOptions<Saved, Input>): Draft<Saved, Input> {
  const navigate = useNavigate();
  const [search] = useSearchParams();
  return useDraft<Saved, Input>({
    ...rest,
    inputOf: inputOf<Saved, Input>,
    save: async (draft, before) => {
      const { data } = await send(draft, before);
      await refresh(...changes, '/v1/gateways/{gateway}/versions');
      if (data && before?.name !== data.name) {
        await navigate({ to: page, params: { gw: rest.gateway, name: data.name }, search: before ? search : { saved: 'yes' }, replace: Boolean(before) });
      }
      return data;
    },
  });
}

/** What of a saved part is input: without what the API adds. */
export function inputOf<Saved extends Added, Input extends object>({ id: _, created_at: __, updated_at: ___, managed_by: ____, ...input }: Saved): Input {
  return input as unknown as Input;
}
