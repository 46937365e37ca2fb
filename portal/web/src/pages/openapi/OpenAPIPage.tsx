import { Button, FileButton, Group, Stack } from '@mantine/core';
import { IconFileCode } from '@tabler/icons-react';
import { useState } from 'react';
import { $api, api, etagOf, type Schemas } from '@/api/client';
import { asProblem, type Problem } from '@/api/problem';
import { refresh } from '@/api/queries';
import { useMay } from '@/api/session';
import { useGatewayName } from '@/shell/useGateway';
import { ConfirmDanger, DataTable, done, EmptyState, Loaded, PageHeader, ProblemNote, type Column } from '@/ui';
import { download } from '@/ui/download';
import { Facts } from '@/ui/Facts';
import { LinkButton, TextLink } from '@/ui/LinkTo';
import { Panel } from '@/ui/Panel';

const path = '/v1/gateways/{gateway}/openapi';

type Document = Schemas['GatewayOpenAPI'];

const rowsOf = <T,>(items: T[]) => ({
  items,
  loading: false,
  fetching: false,
  more: false,
  loadMore: () => undefined,
  error: undefined,
  retry: () => undefined,
  filtered: false,
});

/** The gateway's OpenAPI document: uploaded here, read by policies. */
export default function OpenAPIPage() {
  const gateway = useGatewayName();
  const may = useMay('gateways:write');
  const params = { path: { gateway } };
  const query = $api.useQuery('get', path, { params });
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const [deleting, setDeleting] = useState(false);
  const none = query.error ? asProblem(query.error).status === 404 : false;
  const header = { 'If-Match': query.data && !none ? etagOf(query.data) : undefined };
  const changed = () => refresh('/v1/gateways');
  const upload = async (file: File | null) => {
    if (!file) return;
    setBusy(true);
    setProblem(undefined);
    try {
      const { data } = await api.PUT(path, { params: { ...params, header }, body: { document: await file.text() } });
      await changed();
      done(`${data?.title ?? file.name}: ${data?.operations.length ?? 0} operations were read.`);
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };
  const button = may ? (
    <FileButton onChange={(file) => void upload(file)} accept=".json,.yaml,.yml,application/json,application/yaml" inputProps={{ 'aria-label': 'OpenAPI document' }}>
      {(props) => (
        <Button loading={busy} {...props}>
          {none ? 'Upload a document' : 'Upload another one'}
        </Button>
      )}
    </FileButton>
  ) : null;
  return (
    <>
      <PageHeader
        title="OpenAPI"
        description="The document that Validate request and Validate response hold messages to."
        actions={
          <>
            <LinkButton variant="default" to="/gateways/$gw/import" params={{ gw: gateway }}>
              Import or export
            </LinkButton>
            {none || !query.data ? null : button}
          </>
        }
      />
      <Stack gap="lg">
        <ProblemNote problem={problem} />
        {none ? (
          <EmptyState icon={<IconFileCode size={32} />} title="No document yet" action={button}>
            Upload your API’s OpenAPI document (3.0 or 3.1, JSON or YAML, at most 1 MiB). Everything that is wrong in it is named with its place. Then add the
            policy Validate request to the gateway or a route, and choose OpenAPI.
          </EmptyState>
        ) : (
          <Loaded query={query}>{(doc) => <Contents gateway={gateway} doc={doc} onDelete={may ? () => setDeleting(true) : undefined} />}</Loaded>
        )}
      </Stack>
      <ConfirmDanger
        opened={deleting}
        onClose={() => setDeleting(false)}
        title="Delete the OpenAPI document?"
        consequences={['Policies can no longer refer to it.', 'A former version of the gateway brings it back.']}
        action="Delete the document"
        onConfirm={async () => {
          await api.DELETE(path, { params: { ...params, header } });
          await changed();
          done('The document is deleted.');
        }}
      />
    </>
  );
}

const operations: Column<Document['operations'][number]>[] = [
  { id: 'method', title: 'Method', width: '7rem', cell: (op) => <span className="tg-mono">{op.method}</span> },
  { id: 'path', title: 'Path', cell: (op) => <span className="tg-mono">{op.path}</span> },
  { id: 'id', title: 'Operation', cell: (op) => (op.operation_id ? <span className="tg-mono">{op.operation_id}</span> : '–') },
  { id: 'summary', title: 'Summary', cell: (op) => `${op.summary ?? '–'}${op.deprecated ? ' (deprecated)' : ''}` },
];

function Contents({ gateway, doc, onDelete }: { gateway: string; doc: Document; onDelete?: () => void }) {
  const uses: Column<Document['used_by'][number]>[] = [
    {
      id: 'where',
      title: 'Where',
      cell: (u) =>
        u.route ? (
          <TextLink to="/gateways/$gw/routes/$name" params={{ gw: gateway, name: u.route }}>
            {u.route}
          </TextLink>
        ) : (
          'The whole gateway'
        ),
    },
    { id: 'policy', title: 'Policy', cell: (u) => <span className="tg-mono">{u.policy}</span> },
    { id: 'mode', title: 'Mode', width: '8rem', cell: (u) => u.mode ?? '–' },
    { id: 'operation', title: 'Operation', cell: (u) => u.operation ?? 'By the request' },
  ];
  const save = () => download(`${gateway}-openapi.json`, new Blob([JSON.stringify(doc.document, null, 2)], { type: 'application/json' }));
  return (
    <>
      <Facts
        facts={[
          ['Title', doc.title],
          ['Its version', doc.release],
          ['OpenAPI', doc.openapi],
          ['Gateway’s version', String(doc.version)],
          ['Size', `${Math.ceil(doc.size / 1024)} KiB`],
        ]}
      />
      <Group gap="xs">
        <Button variant="default" onClick={save}>
          Save the document
        </Button>
        {onDelete ? (
          <Button variant="default" onClick={onDelete} disabled={doc.used_by.length > 0}>
            Delete
          </Button>
        ) : null}
      </Group>
      <Panel title="Used by">
        <DataTable
          caption="Policies that use the document"
          rows={rowsOf(doc.used_by)}
          rowKey={(u) => `${u.route ?? ''} ${u.policy} ${u.operation ?? ''}`}
          columns={uses}
          empty={<EmptyState title="No policy uses it yet">Add Validate request to the gateway or a route, and choose OpenAPI.</EmptyState>}
        />
      </Panel>
      <Panel title="Operations">
        <DataTable
          caption="Operations in the document"
          rows={rowsOf(doc.operations)}
          rowKey={(op) => `${op.method} ${op.path}`}
          columns={operations}
          empty={<EmptyState title="No operation">The document describes no path.</EmptyState>}
        />
      </Panel>
    </>
  );
}
