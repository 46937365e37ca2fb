import { api, type Schemas } from '@/api/client';
import { asProblem, type Problem } from '@/api/problem';
import type { LogQuery } from './query';
import { EventReader } from './sse';

export type LogRecord = Schemas['LogRecord'];

/** What a tail tells: how it is, the lines as they come (oldest first), and that some were skipped. */
export interface Listener {
  state: (state: TailState) => void;
  lines: (lines: LogRecord[]) => void;
  gap: () => void;
}

export type TailState = { kind: 'connecting' } | { kind: 'live' } | { kind: 'lost' } | { kind: 'refused'; problem: Problem };

// The portal sends a comment each 10 s; without anything for longer the
// connection is dead, whatever the network says.
const silence = 25_000;
const pause = 2_000;

const path = '/v1/gateways/{gateway}/logs' as const;

/** Follows a log until the signal ends it, and connects again from the last line where the connection breaks. */
export async function tail(gateway: string, filters: Partial<LogQuery>, to: Listener, signal: AbortSignal): Promise<void> {
  let after: string | undefined;
  let begun = false;
  while (!signal.aborted) {
    try {
      if (!begun) {
        const { data } = await api.GET(path, { params: { path: { gateway }, query: { ...filters, limit: 50 } }, signal });
        const newest = data?.items ?? [];
        after = newest[0]?.id;
        to.lines([...newest].reverse());
        begun = true;
      }
      await connect(gateway, { ...filters, follow: true, after }, to, signal, (id) => (after = id));
    } catch (error) {
      const problem = asProblem(error);
      // What is asked wrongly stays wrong; all else passes.
      if (problem.status >= 400 && problem.status < 500 && problem.status !== 429) {
        if (!signal.aborted) to.state({ kind: 'refused', problem });
        return;
      }
    }
    if (signal.aborted) return;
    to.state({ kind: 'lost' });
    await sleep(pause, signal);
  }
}

/** One connection, until it ends. */
async function connect(gateway: string, query: LogQuery, to: Listener, outer: AbortSignal, seen: (id: string) => void): Promise<void> {
  const inner = new AbortController();
  const stop = () => inner.abort();
  outer.addEventListener('abort', stop, { once: true });
  let watchdog = setTimeout(stop, silence);
  try {
    const { data } = await api.GET(path, {
      params: { path: { gateway }, query },
      headers: { Accept: 'text/event-stream' },
      parseAs: 'stream',
      signal: inner.signal,
    });
    if (!data) return;
    to.state({ kind: 'live' });
    const reader = data.getReader();
    const decoder = new TextDecoder();
    const events = new EventReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(watchdog);
      watchdog = setTimeout(stop, silence);
      deliver(events.push(decoder.decode(value as Uint8Array, { stream: true })), to, seen);
    }
  } finally {
    clearTimeout(watchdog);
    outer.removeEventListener('abort', stop);
    inner.abort();
  }
}

function deliver(events: ReturnType<EventReader['push']>, to: Listener, seen: (id: string) => void) {
  const lines: LogRecord[] = [];
  for (const { event, data, id } of events) {
    if (event === 'gap') to.gap();
    else if (event === 'message') lines.push(JSON.parse(data) as LogRecord);
    if (id) seen(id);
  }
  if (lines.length > 0) to.lines(lines);
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}
