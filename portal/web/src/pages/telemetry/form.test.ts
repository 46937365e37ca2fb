import { describe, expect, it } from 'vitest';
import { Problem } from '@/api/problem';
import { byRow, formOf, inputOf, validate } from './form';
import { errorWords, signalsWords, testedWords, waitingWords, type Destination } from './words';

const stored: Destination = {
  id: 'telemetry_1', name: 'collector', enabled: true, type: 'otlp', url: 'https://otel.example.com', signals: ['logs', 'traces'], gateways: ['shop'], outcomes: ['ok', 'failed'],
  sample: 0.25, header_names: ['Authorization'], state: { status: 'ok', sent: 7, dropped: 0, failures: 0 }, created_at: '2026-11-22T00:00:00Z', updated_at: '2026-11-22T00:00:00Z',
};

describe('the form of a telemetry destination', () => {
  it('sends only what goes with the type, and nothing that is the default', () => {
    expect(inputOf({ ...formOf(), name: 'a', url: ' https://otel.example.com ', format: 'ndjson' })).toEqual({
      name: 'a', enabled: true, type: 'otlp', url: 'https://otel.example.com', signals: ['logs', 'traces', 'metrics'], gzip: true, headers: {},
    });
    expect(inputOf({ ...formOf(), name: 'a', type: 'http', url: 'https://logs.example.com', outcomes: ['failed'], sample: 10, headers: [{ name: ' X-Key ', value: 'v' }] })).toEqual({
      name: 'a', enabled: true, type: 'http', url: 'https://logs.example.com', signals: ['logs'], format: 'json', gzip: true, outcomes: ['failed'], headers: { 'X-Key': 'v' },
    });
  });
  it('keeps what is there, and the header fields whose values it does not know', () => {
    const body = inputOf(formOf(stored));
    expect(body).toMatchObject({ gateways: ['shop'], outcomes: ['ok', 'failed'], sample: 0.25, gzip: true });
    expect(body).not.toHaveProperty('headers');
    expect(inputOf({ ...formOf(stored), keep: false })).toHaveProperty('headers', {});
    expect(formOf({ ...stored, sample: 0.07 }).sample).toBe(7);
  });
  it('leaves the filter of log records out where none are sent', () => {
    const body = inputOf({ ...formOf(stored), signals: ['metrics'] });
    expect(body).not.toHaveProperty('outcomes');
    expect(body).not.toHaveProperty('sample');
  });
  it('names header fields without a name and those that stand twice', () => {
    const headers = [{ name: 'X-A', value: '1' }, { name: 'x-a', value: '2' }, { name: '', value: '3' }];
    expect(validate({ ...formOf(), headers, signals: [], outcomes: [] })).toEqual({
      'headers.1.name': 'Stands twice.', 'headers.2.name': 'Needs a name.', signals: 'Choose at least one.', outcomes: 'Choose at least one.',
    });
    expect(validate({ ...formOf(), headers, keep: true })).toEqual({});
  });
  it('puts what the API says of a header field at its row', () => {
    const problem = new Problem({
      type: 'x', title: 'x', status: 422, code: 'invalid', request_id: 'r',
      errors: [{ pointer: '/headers/Host', detail: 'is written by Tollgate itself' }, { pointer: '/headers/X-B', detail: 'must be 1 to 4096 printable ASCII characters' }, { pointer: '/url', detail: 'bad' }],
    });
    const form = { ...formOf(), headers: [{ name: 'X-B', value: 'ü' }, { name: 'Host', value: 'a' }] };
    expect((byRow(problem, form) as Problem).errors?.map((e) => e.pointer)).toEqual(['/headers/1/name', '/headers/0/value', '/url']);
    expect(byRow('other', form)).toBe('other');
  });
});

describe('a telemetry destination in words', () => {
  it('says what is wrong and what to do', () => {
    expect(errorWords('the endpoint answered 401', 401)).toBe('The endpoint answered 401. It asks for a credential: check the header fields.');
    expect(errorWords('the endpoint answered 503', 503)).toBe('The endpoint answered 503. It has a problem of its own: what waits is sent later.');
    expect(errorWords('the name has no address', undefined)).toBe('The name has no address.');
    expect(errorWords(undefined, undefined)).toBe('The last try failed.');
  });
  it('tells what a test came to', () => {
    expect(testedWords({ ok: true, took_ms: 0.4, status_code: 200 })).toBe('The endpoint took a made-up record of each signal within 1 ms.');
    expect(testedWords({ ok: false, took_ms: 1234, status_code: 404, error: 'the endpoint answered 404' })).toBe(
      'The endpoint answered 404. There is nothing at this address: check the URL. The test took 1,234 ms.',
    );
  });
  it('lists signals in their order', () => {
    expect(signalsWords(['metrics', 'logs'])).toBe('Logs, metrics');
    expect([waitingWords(), waitingWords(1200), waitingWords(100_000)]).toEqual(['0', '1,200', '100,000 or more']);
  });
});
