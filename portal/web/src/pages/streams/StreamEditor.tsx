import { api, etagOf, type Schemas } from '@/api/client';
import { PartEditor } from '@/pages/parts/PartEditor';
import { usePartDraft } from '@/pages/parts/usePartDraft';
import { StreamFields, type StreamInput } from './StreamFields';

const empty: StreamInput = { name: '', protocol: 'tcp', upstream: '' };

const bodyOf = (stream: StreamInput, base?: Schemas['Stream']) => ({ name: base?.name, stream });

/** Edits one draft of a stream, as a form and as a document. */
export function StreamEditor({ gateway, stream }: { gateway: string; stream?: Schemas['Stream'] }) {
  const edited = usePartDraft<Schemas['Stream'], StreamInput>({
    gateway,
    saved: stream,
    start: empty,
    bodyOf,
    nameTaken: 'is taken by another stream',
    changes: ['/v1/gateways/{gateway}/streams'],
    page: '/gateways/$gw/streams/$name',
    send: (body, before) =>
      before
        ? api.PUT('/v1/gateways/{gateway}/streams/{name}', { params: { path: { gateway, name: before.name }, header: { 'If-Match': etagOf(before) } }, body })
        : api.POST('/v1/gateways/{gateway}/streams', { params: { path: { gateway } }, body }),
  });
  const { base, draft, setDraft, may, errorAt } = edited;
  return (
    <PartEditor what="stream" of={edited}>
      <StreamFields gateway={gateway} draft={draft} onChange={setDraft} errorAt={errorAt} disabled={!may} fresh={!base} />
    </PartEditor>
  );
}
