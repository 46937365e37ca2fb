import { Anchor, Button, FileButton, Group, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { $api, api } from '@/api/client';
import { asProblem, type Problem } from '@/api/problem';
import { refresh } from '@/api/queries';
import { useMay } from '@/api/session';
import { operationsOf, type Node } from '@/developer/reference/openapi';
import { DataTable, done, EmptyState, Loaded, ProblemNote } from '@/ui';
import { download } from '@/ui/download';
import type { Portal } from './PortalForm';

const path = '/v1/gateways/{gateway}/developer-portal/openapi';

/** What developers read about the API: made of the routes, or a document of one's own. */
export function Reference({ gateway, portal }: { gateway: string; portal: Portal }) {
  const may = useMay('gateways:write');
  const params = { path: { gateway } };
  const query = $api.useQuery('get', path, { params });
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const act = async (change: () => Promise<string>) => {
    setBusy(true);
    setProblem(undefined);
    try {
      const said = await change();
      await refresh('/v1/gateways/{gateway}/developer-portal');
      done(said);
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };
  const upload = (file: File | null) => {
    if (!file) return;
    void act(async () => {
      const { data } = await api.PUT(path, { params, body: { document: await file.text() } });
      return `${data?.title ?? file.name}: ${data?.operations ?? 0} operations were read.`;
    });
  };
  const generated = portal.openapi === 'generated';
  return (
    <Stack gap="md">
      <Text maw="44rem">
        {generated
          ? 'The reference is generated from your routes and follows every change. An OpenAPI 3 document of your own can say more: parameters, bodies, examples.'
          : 'The reference is the document that you uploaded. Its servers are replaced by this gateway’s address.'}
      </Text>
      {may ? (
        <Group gap="xs">
          <FileButton onChange={upload} accept=".json,.yaml,.yml,application/json,application/yaml" inputProps={{ 'aria-label': 'OpenAPI document' }}>
            {(props) => (
              <Button loading={busy} {...props}>
                Upload an OpenAPI document
              </Button>
            )}
          </FileButton>
          {generated ? null : (
            <Button
              variant="default"
              disabled={busy}
              onClick={() =>
                void act(async () => {
                  await api.DELETE(path, { params });
                  return 'The reference is generated from the routes again.';
                })
              }
            >
              Generate it from the routes
            </Button>
          )}
        </Group>
      ) : null}
      <ProblemNote problem={problem} />
      <Loaded query={query}>
        {(answer) => <Operations gateway={gateway} doc={answer as unknown as Node} />}
      </Loaded>
    </Stack>
  );
}

function Operations({ gateway, doc }: { gateway: string; doc: Node }) {
  const items = operationsOf(doc);
  const save = () => download(`${gateway}-openapi.json`, new Blob([JSON.stringify(doc, null, 2)], { type: 'application/json' }));
  return (
    <>
      <Anchor component="button" type="button" onClick={save} style={{ alignSelf: 'flex-start' }} underline="always">
        Save the document
      </Anchor>
      <DataTable
        caption="Operations that developers see"
        rows={{ items, loading: false, fetching: false, more: false, loadMore: () => undefined, error: undefined, retry: () => undefined, filtered: false }}
        rowKey={(op) => op.id}
        columns={[
          { id: 'method', title: 'Method', width: '7rem', cell: (op) => <span className="tg-mono">{op.method}</span> },
          { id: 'path', title: 'Path', cell: (op) => <span className="tg-mono">{op.path}</span> },
          { id: 'summary', title: 'Summary', cell: (op) => op.summary || '–' },
        ]}
        empty={<EmptyState title="Nothing to describe yet">Routes that your plans allow stand here as operations. Make a route, or upload a document.</EmptyState>}
      />
    </>
  );
}
