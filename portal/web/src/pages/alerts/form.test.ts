import { describe, expect, it } from 'vitest';
import { formOf, inputOf } from './form';

describe('the alert editor', () => {
  it('sends only what goes with the kind', () => {
    const form = { ...formOf(undefined, 'ops@example.com'), name: 'slow', kind: 'latency' as const, threshold: 250, consumer: 'acme', route: 'orders' };
    expect(JSON.parse(JSON.stringify(inputOf(form)))).toEqual({
      name: 'slow', enabled: true, kind: 'latency', threshold: 250, route: 'orders', window: '5m', min_requests: 20, latency: 'upstream', percentile: 'p95',
      for: '0s', clear_for: '1m', channels: [{ type: 'mail', to: ['ops@example.com'] }],
    });
  });
  it('names whose quota is watched and nothing else', () => {
    const form = { ...formOf(), name: 'q', kind: 'quota' as const, quota: 'usage_plan' as const, usage_plan: 'free', consumer: 'left over', threshold: 80, clear_threshold: 70 };
    const body = inputOf(form);
    expect(body).toMatchObject({ quota: 'usage_plan', usage_plan: 'free', threshold: 80, clear_threshold: 70 });
    expect(body).not.toHaveProperty('consumer');
    expect(body).not.toHaveProperty('window');
  });
  it('has no window where the figure is not taken over one', () => {
    const body = inputOf({ ...formOf(), name: 'ends', kind: 'certificate', threshold: 14, route: 'left over', consumer: 'left over' });
    expect(JSON.parse(JSON.stringify(body))).toEqual({ name: 'ends', enabled: true, kind: 'certificate', threshold: 14, for: '0s', clear_for: '1m', channels: [{ type: 'mail', to: [] }] });
  });
  it('comes back from an alert that is there', () => {
    const form = formOf({
      id: 'alt_1', name: 'a', enabled: false, kind: 'error_rate', errors: 'edge', threshold: 2, clear_threshold: 1, window: '10m', for: '1m', clear_for: '2m', min_requests: 5,
      channels: [{ type: 'webhook', url: 'https://hooks.example.com/x' }], state: { status: 'disabled', since: '2026-11-22T00:00:00Z' },
      created_at: '2026-11-22T00:00:00Z', updated_at: '2026-11-22T00:00:00Z',
    });
    expect(inputOf(form)).toMatchObject({ enabled: false, errors: 'edge', threshold: 2, clear_threshold: 1, window: '10m', for: '1m', clear_for: '2m', min_requests: 5, channels: [{ type: 'webhook', url: 'https://hooks.example.com/x' }] });
  });
});
