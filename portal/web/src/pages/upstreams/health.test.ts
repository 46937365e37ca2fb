import { expect, test } from 'vitest';
import { byUpstream, healthWords, targetsOf, type HealthReport } from './health';

const line = (upstream: string, target: string, edge: string, healthy: boolean, reason?: string) => ({ upstream, target, edge, healthy, reason });
const report: HealthReport = {
  edges: [],
  targets: [
    line('a', 'http://one', 'e1', true),
    line('a', 'http://one', 'e2', true),
    line('b', 'http://two', 'e1', false, 'connection refused'),
    line('b', 'http://two', 'e2', false, 'connection refused'),
    line('b', 'http://two', 'e3', true),
  ],
};

test('targets are gathered over edges, the unhealthy first', () => {
  const [first, second] = targetsOf(report);
  expect(first).toMatchObject({ upstream: 'b', edges: 3, healthy: 1, reasons: [{ reason: 'connection refused', edges: ['e1', 'e2'] }] });
  expect(second).toMatchObject({ upstream: 'a', edges: 2, healthy: 2, reasons: [] });
  expect(first && healthWords(first)).toBe('healthy on 1 of 3 edges');
});

test('one upstream alone', () => {
  expect(targetsOf(report, 'a').map((t) => t.target)).toEqual(['http://one']);
});

test('the addresses of one target stand alone', () => {
  const at = (address: string, healthy: boolean) => ({ ...line('a', 'http://name', 'e1', healthy, 'no connection'), address });
  const found = targetsOf({ edges: [], targets: [at('10.0.0.2:80', true), at('10.0.0.1:80', true), at('10.0.0.3:80', false)] });
  expect(found.map((t) => `${t.address} ${t.healthy}`)).toEqual(['10.0.0.3:80 0', '10.0.0.1:80 1', '10.0.0.2:80 1']);
});

test('targets by upstream', () => {
  expect([...byUpstream(targetsOf(report))].map(([name, list]) => `${name} ${list.length}`)).toEqual(['b 1', 'a 1']);
});
