import { expect, it } from 'vitest';
import { actions, actionText } from './auditWords';

it.each([
  ['key.revoke', 'API key revoked'],
  ['route.update', 'Route changed'],
  ['usage_plan.delete', 'Usage plan deleted'],
  ['organization.period', 'organization.period'],
])('actionText(%s)', (action, want) => expect(actionText(action)).toBe(want));

it('offers each action in words', () => {
  for (const { value, label } of actions) expect(label).not.toBe(value);
});
