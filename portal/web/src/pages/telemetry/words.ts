import type { Schemas } from '@/api/client';
import { sentence } from '@/api/problem';
import type { DotState } from '@/ui';

export type Destination = Schemas['TelemetryDestination'];
export type DestinationInput = Schemas['TelemetryDestinationInput'];
export type Signal = NonNullable<DestinationInput['signals']>[number];
export type Outcome = NonNullable<DestinationInput['outcomes']>[number];
export type Status = Destination['state']['status'];
export type Tested = Schemas['TelemetryTest'];

export const typeNames: Record<Destination['type'], string> = { otlp: 'OpenTelemetry', http: 'JSON over HTTP' };
export const signalNames: Record<Signal, string> = { logs: 'Logs', traces: 'Traces', metrics: 'Metrics' };
export const outcomeNames: Record<Outcome, string> = { ok: 'That went well', refused: 'That the edge refused', failed: 'That backends failed' };

const statuses: Record<Status, { label: string; dot: DotState }> = {
  off: { label: 'Switched off', dot: 'idle' },
  waiting: { label: 'Nothing sent yet', dot: 'busy' },
  ok: { label: 'Delivering', dot: 'good' },
  failing: { label: 'Failing', dot: 'bad' },
};

/** A status in words, with the dot that goes with it. */
export const statusOf = (status: Status): { label: string; dot: DotState } => statuses[status];

/** What is sent, in a few words: "Logs, traces". */
export function signalsWords(signals: readonly Signal[]): string {
  const text = (Object.keys(signalNames) as Signal[]).filter((s) => signals.includes(s)).map((s) => signalNames[s].toLowerCase()).join(', ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const hints: Record<number, string> = {
  400: 'It does not understand what it gets: is it the right type of destination?',
  401: 'It asks for a credential: check the header fields.',
  403: 'It does not accept the credential: check the header fields.',
  404: 'There is nothing at this address: check the URL.',
  405: 'It takes no POST at this address: check the URL.',
  413: 'It refuses messages of this size.',
  415: 'It does not know this format: try the other type, or without compression.',
  422: 'It refuses what the records hold.',
  429: 'It asks for fewer messages: what waits is sent later.',
};

/** An error of the endpoint as sentences, with what to do about it where that is known. */
export function errorWords(error: string | undefined, status: number | undefined): string {
  const said = error ? sentence(error) : 'The last try failed.';
  const hint = status === undefined ? undefined : (hints[status] ?? (status >= 500 ? 'It has a problem of its own: what waits is sent later.' : undefined));
  return hint ? `${said} ${hint}` : said;
}

/** What a test came to, as one or two sentences. */
export function testedWords(tested: Tested): string {
  const took = `${Math.max(1, Math.round(tested.took_ms)).toLocaleString('en')} ms`;
  if (tested.ok) return `The endpoint took a made-up record of each signal within ${took}.`;
  return `${errorWords(tested.error, tested.status_code)} The test took ${took}.`;
}

/** How many records wait; the API counts no further than 100,000. */
export const waitingWords = (waiting = 0): string => (waiting >= 100_000 ? '100,000 or more' : waiting.toLocaleString('en'));
