import { Button, FileButton, Group, SegmentedControl, Stack, Text } from '@mantine/core';
import { lazy, Suspense, useState } from 'react';
import { api, type Schemas } from '@/api/client';
import { asProblem, type Problem } from '@/api/problem';
import { refresh } from '@/api/queries';
import { useMay } from '@/api/session';
import { useGatewayName } from '@/shell/useGateway';
import { done, PageHeader, PanelSkeleton, ProblemNote } from '@/ui';
import { download } from '@/ui/download';
import { Panel } from '@/ui/Panel';
import { ImportOptions, type Options } from './ImportOptions';
import { ImportReport } from './ImportReport';

const CodeEditor = lazy(() => import('@/ui/code/CodeEditor'));
const DiffView = lazy(() => import('@/ui/diff/DiffView').then((m) => ({ default: m.DiffView })));

type Format = 'openapi' | 'nginx';
type Result = Schemas['ImportResult'];

const paths = { openapi: '/v1/gateways/{gateway}/import/openapi', nginx: '/v1/gateways/{gateway}/import/nginx' } as const;
const accepted = { openapi: '.json,.yaml,.yml,application/json,application/yaml', nginx: '.conf,text/plain' };

/** Makes routes and upstreams of an OpenAPI document or an nginx configuration: a look first, then the change. */
export default function ImportPage() {
  const gateway = useGatewayName();
  const may = useMay('gateways:write');
  const [format, setFormat] = useState<Format>('openapi');
  const [text, setText] = useState('');
  const [options, setOptions] = useState<Options>({});
  const [result, setResult] = useState<Result>();
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState<'look' | 'apply' | 'export'>();
  const params = { path: { gateway } };

  const run = async (what: 'look' | 'apply' | 'export', work: () => Promise<void>) => {
    setBusy(what);
    setProblem(undefined);
    try {
      await work();
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(undefined);
    }
  };
  const send = async (apply: boolean) => {
    const header = apply && result ? { 'If-Match': `"${result.version}"` } : undefined;
    const { data } = await api.POST(paths[format], { params: { ...params, query: { apply }, header }, body: { document: text, options } });
    setResult(data);
    return data;
  };
  const look = () =>
    run('look', async () => {
      setResult(undefined);
      await send(false);
    });
  const apply = () =>
    run('apply', async () => {
      const made = await send(true);
      await refresh('/v1/gateways');
      done(`The import is version ${made?.version ?? ''}.`);
    });
  const save = () =>
    run('export', async () => {
      const { data } = await api.GET('/v1/gateways/{gateway}/export', { params });
      download(`${gateway}.openapi.json`, new Blob([JSON.stringify(data, null, 2)], { type: 'application/json' }));
    });
  const changed = <T,>(set: (value: T) => void) => (value: T) => {
    set(value);
    setResult(undefined); // what was shown was of the text before
  };
  return (
    <>
      <PageHeader
        title="Import"
        description="Routes, upstreams and policies out of an OpenAPI document, one of Amazon API Gateway, or an nginx configuration. You see what becomes of each line before anything changes."
        docs="/docs/import"
        actions={
          <Button variant="default" loading={busy === 'export'} onClick={() => void save()}>
            Export as OpenAPI
          </Button>
        }
      />
      <Stack gap="lg">
        <Group justify="space-between" gap="sm">
          <SegmentedControl
            aria-label="Format"
            value={format}
            onChange={changed((v: string) => setFormat(v as Format))}
            data={[
              { value: 'openapi', label: 'OpenAPI' },
              { value: 'nginx', label: 'nginx' },
            ]}
          />
          <FileButton
            onChange={(file) => void file?.text().then(changed(setText))}
            accept={accepted[format]}
            inputProps={{ 'aria-label': 'File to import' }}
          >
            {(props) => (
              <Button variant="default" {...props}>
                Open a file
              </Button>
            )}
          </FileButton>
        </Group>
        {text === '' ? (
          <Text c="dimmed" size="sm">
            {format === 'openapi'
              ? 'Open a file or paste its text: OpenAPI 3.0 or 3.1, Swagger 2, in JSON or YAML, at most 10 MiB. A gateway’s own export comes back as the same gateway.'
              : 'Open a file or paste its text: upstream blocks and a server block with its locations. Certificates are uploaded on their own page.'}
          </Text>
        ) : null}
        <Suspense fallback={<PanelSkeleton lines={8} />}>
          <CodeEditor key={format} label="Text to import" value={text} format={format === 'openapi' ? 'yaml' : 'text'} onChange={changed(setText)} maxHeight="40vh" />
        </Suspense>
        <ImportOptions format={format} options={options} onChange={changed(setOptions)} />
        <Group>
          <Button onClick={() => void look()} loading={busy === 'look'} disabled={text.trim() === '' || !may}>
            Look at it
          </Button>
          {may ? null : (
            <Text c="dimmed" size="sm">
              Your role may look at gateways, not change them.
            </Text>
          )}
        </Group>
        <ProblemNote problem={problem} />
        {result ? (
          <>
            <ImportReport rows={result.report} blocked={result.blocked} applied={result.applied} />
            {result.blocked ? null : (
              <Panel
                title={result.applied ? 'What changed' : 'What will change'}
                actions={
                  result.applied || result.changes.length === 0 ? null : (
                    <Button onClick={() => void apply()} loading={busy === 'apply'}>
                      Apply {result.changes.length} {result.changes.length === 1 ? 'change' : 'changes'}
                    </Button>
                  )
                }
              >
                <Suspense fallback={<PanelSkeleton lines={6} />}>
                  <DiffView changes={result.changes} />
                </Suspense>
              </Panel>
            )}
          </>
        ) : null}
      </Stack>
    </>
  );
}
