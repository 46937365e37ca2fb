import { Alert, Button, Group, Text } from '@mantine/core';
import { useWindowScroll } from '@mantine/hooks';
import { IconDownload, IconListDetails, IconPlayerPause, IconPlayerPlay, IconPlayerStop } from '@tabler/icons-react';
import { useMemo, useState } from 'react';
import { api } from '@/api/client';
import { useGateway, useGatewayName } from '@/shell/useGateway';
import { CopyText, EmptyState, ErrorState, failed, PageHeader, StateDot, TimeRange, useRows, useSearchParams } from '@/ui';
import { download } from '@/ui/download';
import { count } from '@/ui/format';
import { LogFilters } from './LogFilters';
import { byTime } from './lines';
import { LogRows, LogSkeleton } from './LogRows';
import { fallbackRange, filtersOf, spanOf, type LogQuery } from './query';
import type { LogRecord } from './tail';
import { useTail, type Tail } from './useTail';

export default function LogsPage() {
  const gateway = useGatewayName();
  const [words, setWords] = useSearchParams();
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [paused, setPaused] = useState(false);
  const [scroll] = useWindowScroll();
  const live = words.live !== undefined;
  const filters = filtersOf(words);
  const [shownAt, setShownAt] = useState(Date.now); // the range stays while it is read
  const span = useMemo(() => spanOf({ range: words.range, from: words.from, to: words.to }, shownAt), [words.range, words.from, words.to, shownAt]);
  const rows = useRows<LogRecord>({
    key: ['get', '/v1/gateways/{gateway}/logs', gateway, filters, span],
    read: async (cursor, signal) =>
      (await api.GET('/v1/gateways/{gateway}/logs', { params: { path: { gateway }, query: { ...filters, ...span, limit: 100, cursor } }, signal })).data ?? { items: [] },
  });
  // What is being read stays where it is.
  const held = paused || open.size > 0 || scroll.y > 240;
  const tail = useTail(gateway, filters, live, held);
  const lines = useMemo(() => byTime(live ? tail.lines : rows.items), [live, tail.lines, rows.items]);
  const codes = useMemo(() => [...new Set(lines.flatMap((l) => l.code ?? []))].sort(), [lines]);
  const toggle = (id: string) =>
    setOpen((before) => {
      const next = new Set(before);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  const follow = (on: boolean) => {
    setOpen(new Set());
    setPaused(false);
    setShownAt(Date.now());
    setWords({ live: on ? 'yes' : undefined });
  };
  const proceed = () => {
    setPaused(false);
    setOpen(new Set());
    window.scrollTo({ top: 0 });
  };
  const filtered = Object.keys(filters).length > 0;
  return (
    <>
      <PageHeader
        title="Logs"
        description="Every request that came to this gateway, a second or two after it ended."
        docs="/docs/observability#logs"
        actions={
          <>
            <Button variant={live ? 'default' : 'filled'} leftSection={live ? <IconPlayerStop size={16} aria-hidden /> : <IconPlayerPlay size={16} aria-hidden />} onClick={() => follow(!live)}>
              {live ? 'Stop following' : 'Follow live'}
            </Button>
            {live ? null : <ExportButton gateway={gateway} query={{ ...filters, ...span }} />}
          </>
        }
      />
      <LogFilters gateway={gateway} words={words} onChange={(change) => setWords(change)} codes={codes}>
        {live ? null : <TimeRange value={words} fallback={fallbackRange} onChange={(range) => (setShownAt(Date.now()), setWords({ ...range }))} />}
      </LogFilters>
      {live ? <TailBar tail={tail} held={held} onPause={() => setPaused(true)} onProceed={proceed} /> : null}
      <Body
        gateway={gateway}
        lines={lines}
        loading={live ? tail.state.kind === 'connecting' && lines.length === 0 : rows.loading}
        error={live ? (tail.state.kind === 'refused' ? tail.state.problem : undefined) : rows.error}
        retry={live ? undefined : rows.retry}
        filtered={filtered}
        live={live}
        open={open}
        onToggle={toggle}
        onFollow={() => follow(true)}
        onEnd={!live && rows.more && !rows.fetching && !rows.error ? rows.loadMore : undefined}
      />
      {!live && rows.items.length > 0 ? (
        <Text size="xs" c="dimmed" mt="xs" role="status">
          {rows.more ? `The newest ${count(rows.items.length)}; older ones come as you scroll` : `${count(rows.items.length)} in all`}
        </Text>
      ) : null}
    </>
  );
}

function ExportButton({ gateway, query }: { gateway: string; query: Partial<LogQuery> }) {
  const [busy, setBusy] = useState(false);
  const save = async () => {
    setBusy(true);
    try {
      const { data } = await api.GET('/v1/gateways/{gateway}/logs', { params: { path: { gateway }, query: { ...query, format: 'csv' } }, parseAs: 'blob' });
      if (data) download(`${gateway}-log.csv`, data as Blob);
    } catch (error) {
      failed(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Button variant="default" leftSection={<IconDownload size={16} aria-hidden />} loading={busy} onClick={() => void save()}>
      CSV
    </Button>
  );
}

function TailBar({ tail, held, onPause, onProceed }: { tail: Tail; held: boolean; onPause: () => void; onProceed: () => void }) {
  const { state, waiting } = tail;
  const words =
    state.kind === 'connecting' ? 'Connecting' : state.kind === 'lost' ? 'Connection lost, trying again' : state.kind === 'refused' ? 'Not following' : held ? 'Paused' : 'Live';
  return (
    <>
      <Group gap="sm" mb="sm" mih={36}>
        <Text size="sm" role="status">
          <StateDot state={state.kind === 'live' ? (held ? 'idle' : 'good') : state.kind === 'connecting' ? 'busy' : 'warn'} /> {words}
        </Text>
        {held ? (
          <Button size="compact-md" variant={waiting > 0 ? 'filled' : 'default'} leftSection={<IconPlayerPlay size={14} aria-hidden />} onClick={onProceed}>
            {waiting > 0 ? `Show ${count(waiting)} new` : 'Go on'}
          </Button>
        ) : (
          <Button size="compact-md" variant="default" leftSection={<IconPlayerPause size={14} aria-hidden />} onClick={onPause}>
            Pause
          </Button>
        )}
      </Group>
      {tail.gap ? (
        <Alert variant="light" color="amber" mb="sm">
          Requests came faster than they could be shown, so some lines are missing here. They are in the log: stop following to see all of them.
        </Alert>
      ) : null}
    </>
  );
}

interface BodyProps {
  gateway: string;
  lines: LogRecord[];
  loading: boolean;
  error: unknown;
  retry?: () => void;
  filtered: boolean;
  live: boolean;
  open: ReadonlySet<string>;
  onToggle: (id: string) => void;
  onFollow: () => void;
  onEnd?: () => void;
}

function Body({ gateway, lines, loading, error, retry, filtered, live, open, onToggle, onFollow, onEnd }: BodyProps) {
  const url = useGateway()?.url;
  if (error && lines.length === 0) return <ErrorState error={error} retry={retry} />;
  if (loading) {
    return (
      <div className="tg-panel">
        <LogSkeleton />
      </div>
    );
  }
  if (lines.length === 0 && (filtered || live)) {
    return (
      <Text className="tg-panel" p="xl" c="dimmed" ta="center" role="status">
        {live ? 'Waiting for the first request that matches.' : 'No request matches. Remove a filter, or look further back.'}
      </Text>
    );
  }
  if (lines.length === 0) {
    return (
      <EmptyState title="No request in this time" icon={<IconListDetails size={32} />} action={<Button onClick={onFollow}>Follow live</Button>}>
        Each request stands here with its status, its route and consumer, and how long the edge and the backend took. Send one to see it: {url ? <CopyText text={`curl ${url}/`} label="command" /> : null}
      </EmptyState>
    );
  }
  return (
    <div className="tg-panel" style={{ overflow: 'clip' }}>
      <LogRows gateway={gateway} lines={lines} open={open} onToggle={onToggle} onEnd={onEnd} />
    </div>
  );
}
