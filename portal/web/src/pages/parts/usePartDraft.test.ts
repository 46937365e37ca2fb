import { expect, test } from 'vitest';
import { inputOf } from './usePartDraft';

test('what the API adds to a part is not sent back to it', () => {
  const saved = { id: 'rt_1', name: 'orders', created_at: 'x', updated_at: 'y', managed_by: 'git:shop', priority: 3 };
  expect(inputOf(saved)).toEqual({ name: 'orders', priority: 3 });
});
