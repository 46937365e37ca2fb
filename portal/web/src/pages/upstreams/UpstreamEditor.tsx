import { api, etagOf, type Schemas } from '@/api/client';
import { PartEditor } from '@/pages/parts/PartEditor';
import { usePartDraft } from '@/pages/parts/usePartDraft';
import { TargetsHealth } from './TargetsHealth';
import { UpstreamFields, type UpstreamInput } from './UpstreamFields';

const empty: UpstreamInput = { name: '', targets: [{ url: '' }] };

const bodyOf = (upstream: UpstreamInput, base?: Schemas['Upstream']) => ({ name: base?.name, upstream });

/** Edits one draft of an upstream, as a form and as a document. */
export function UpstreamEditor({ gateway, upstream }: { gateway: string; upstream?: Schemas['Upstream'] }) {
  const edited = usePartDraft<Schemas['Upstream'], UpstreamInput>({
    gateway,
    saved: upstream,
    start: empty,
    bodyOf,
    nameTaken: 'is taken by another upstream',
    changes: ['/v1/gateways/{gateway}/upstreams', '/v1/gateways/{gateway}/routes'],
    page: '/gateways/$gw/upstreams/$name',
    send: (body, before) =>
      before
        ? api.PUT('/v1/gateways/{gateway}/upstreams/{name}', { params: { path: { gateway, name: before.name }, header: { 'If-Match': etagOf(before) } }, body })
        : api.POST('/v1/gateways/{gateway}/upstreams', { params: { path: { gateway } }, body }),
  });
  const { base, draft, setDraft, may, errorAt } = edited;
  const health = base ? { value: 'health', label: 'Live health', panel: <LiveHealth gateway={gateway} upstream={base.name} /> } : undefined;
  return (
    <PartEditor what="upstream" of={edited} beside={health}>
      <UpstreamFields draft={draft} onChange={setDraft} errorAt={errorAt} disabled={!may} fresh={!base} />
    </PartEditor>
  );
}

function LiveHealth({ gateway, upstream }: { gateway: string; upstream: string }) {
  return (
    <div className="tg-panel" style={{ maxWidth: '46rem' }}>
      <TargetsHealth gateway={gateway} upstream={upstream} />
    </div>
  );
}
