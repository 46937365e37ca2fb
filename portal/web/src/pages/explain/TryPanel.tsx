import { Alert, Autocomplete, Button, Group, SimpleGrid, Stack, Text, Textarea, TextInput, Title } from '@mantine/core';
import { IconSearch, IconSend } from '@tabler/icons-react';
import { useState } from 'react';
import { $api, api, type Schemas } from '@/api/client';
import { asProblem, type Problem } from '@/api/problem';
import { useMay } from '@/api/session';
import { methods, samplePath } from '@/pages/routes/match';
import { useGateway } from '@/shell/useGateway';
import { PanelSkeleton, ProblemNote } from '@/ui';
import { AnswerView } from './AnswerView';
import { parseHeaders, pathOf } from './request';
import { TraceView } from './TraceView';

export interface TryPanelProps {
  gateway: string;
  /** The route that is looked at: whether it gets the request is said first. */
  route?: string;
  /** Its path and method, to begin with a request that it gets. */
  pattern?: string;
  method?: string;
  /** There are changes that the edges do not have. */
  unsaved?: boolean;
  /** A URL to begin with, instead of the pattern. */
  url?: string;
}

type Outcome = { kind: 'trace'; trace: Schemas['Trace'] } | { kind: 'answer'; answer: Schemas['TestAnswer'] };

/** One request, to be explained by an edge or really sent through one. */
export function TryPanel({ gateway, route, pattern, method: firstMethod, unsaved, url }: TryPanelProps) {
  const mayExplain = useMay('logs:read');
  const maySend = useMay('gateways:write');
  const address = useGateway()?.url;
  const installation = $api.useQuery('get', '/v1/installation').data;
  const [method, setMethod] = useState(firstMethod ?? 'GET');
  const [path, setPath] = useState(url ?? samplePath(pattern));
  const [lines, setLines] = useState('');
  const [body, setBody] = useState('');
  const [busy, setBusy] = useState<'explain' | 'send'>();
  const [outcome, setOutcome] = useState<Outcome>();
  const [problem, setProblem] = useState<Problem>();
  const parsed = parseHeaders(lines);
  const wrong = 'error' in parsed ? parsed.error : undefined;
  const own = pathOf(path, address);
  const run = async (kind: 'explain' | 'send') => {
    if ('error' in parsed) return;
    setBusy(kind);
    setProblem(undefined);
    setOutcome(undefined);
    const params = { path: { gateway } };
    const common = { method, headers: parsed.headers, body: body || undefined };
    try {
      if (kind === 'explain') {
        const { data } = await api.POST('/v1/gateways/{gateway}/explain', { params, body: { ...common, url: path } });
        if (data) setOutcome({ kind: 'trace', trace: data });
      } else {
        const { data } = await api.POST('/v1/gateways/{gateway}/requests', { params, body: { ...common, path: own ?? path } });
        if (data) setOutcome({ kind: 'answer', answer: data });
      }
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(undefined);
    }
  };
  const canSend = maySend && installation?.test_requests === true;
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }} spacing="xl">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void run(mayExplain ? 'explain' : 'send');
        }}
      >
        <Stack gap="md">
          {unsaved ? (
            <Alert variant="light" color="amber">
              <Text size="sm">The edges serve what was saved last; your changes are not tried here.</Text>
            </Alert>
          ) : null}
          <Group gap="xs" align="flex-start" wrap="nowrap">
            <Autocomplete label="Method" w={124} data={methods} value={method} onChange={(v) => setMethod(v.toUpperCase())} />
            <TextInput
              label="Path or URL"
              value={path}
              onChange={(e) => setPath(e.currentTarget.value)}
              error={problem?.at('/url') ?? problem?.at('/path')}
              spellCheck={false}
              autoComplete="off"
              style={{ flex: 1 }}
              classNames={{ input: 'tg-mono' }}
            />
          </Group>
          <Textarea
            label="Header fields"
            description="One a line, such as X-API-Key: tg_test_…"
            value={lines}
            onChange={(e) => setLines(e.currentTarget.value)}
            error={wrong}
            autosize
            minRows={2}
            spellCheck={false}
            classNames={{ input: 'tg-mono' }}
          />
          {method === 'GET' || method === 'HEAD' ? null : (
            <Textarea label="Body" value={body} onChange={(e) => setBody(e.currentTarget.value)} autosize minRows={3} maxRows={12} spellCheck={false} classNames={{ input: 'tg-mono' }} />
          )}
          <Group gap="xs">
            {mayExplain ? (
              <Button type="submit" loading={busy === 'explain'} disabled={Boolean(wrong)} leftSection={<IconSearch size={16} aria-hidden />}>
                Explain it
              </Button>
            ) : null}
            {canSend ? (
              <Button
                type={mayExplain ? 'button' : 'submit'}
                variant="default"
                loading={busy === 'send'}
                disabled={Boolean(wrong) || own === undefined}
                leftSection={<IconSend size={16} aria-hidden />}
                onClick={mayExplain ? () => void run('send') : undefined}
              >
                Send it
              </Button>
            ) : null}
          </Group>
          <Text size="sm" c="dimmed">
            Explaining sends nothing: an edge says what it would do. {canSend ? 'A request that is sent is a real one: limits, the log and the bill see it.' : ''}
          </Text>
        </Stack>
      </form>
      <div aria-live="polite">
        {busy ? <PanelSkeleton lines={7} /> : null}
        <ProblemNote problem={problem} />
        {outcome?.kind === 'answer' ? <AnswerView answer={outcome.answer} gateway={gateway} /> : null}
        {outcome?.kind === 'trace' ? (
          <>
            {route ? <Verdict trace={outcome.trace} route={route} /> : null}
            <TraceView trace={outcome.trace} gateway={gateway} />
          </>
        ) : null}
        {!busy && !problem && !outcome ? (
          <Text c="dimmed" size="sm" className="tg-panel" p="md">
            Which route gets the request and why not the others, what each policy says of it, and where it would go: it stands here.
          </Text>
        ) : null}
      </div>
    </SimpleGrid>
  );
}

function Verdict({ trace, route }: { trace: Schemas['Trace']; route: string }) {
  const words = trace.route === route ? 'This route gets it.' : trace.route ? `Another route gets it: ${trace.route}.` : 'No route gets it.';
  return (
    <Title order={2} mb="md">
      {words}
    </Title>
  );
}
