import { expect, it } from 'vitest';
import { keyBody, keyValues } from './KeyFields';

it('leaves out what is empty, so that the API takes it away', () => {
  expect(keyBody(keyValues())).toEqual({ name: undefined, expires_at: undefined, scopes: undefined, usage_plan: undefined, limits: undefined });
});

it('gives back what a key has', () => {
  const key = {
    id: 'key_1', prefix: 'tg_live_a', consumer: 'app', state: 'active', created_at: '', updated_at: '',
    name: 'production', expires_at: '2027-01-01T00:00:00Z', scopes: ['orders:read'], usage_plan: 'gold', limits: { quota: { limit: 5, period: 'day' } },
  } as const;
  expect(keyBody(keyValues({ ...key, scopes: [...key.scopes] }))).toEqual({
    name: 'production', expires_at: '2027-01-01T00:00:00Z', scopes: ['orders:read'], usage_plan: 'gold', limits: { quota: { limit: 5, period: 'day' } },
  });
});
