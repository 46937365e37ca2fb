import { expect, it } from 'vitest';
import { audited, auditedOfOperators } from './auditActions';
import { actions, actionText } from './auditWords';

it.each([
  ['key.revoke', 'API key revoked'],
  ['route.update', 'Route changed'],
  ['usage_plan.delete', 'Usage plan deleted'],
  ['gateway.apply', 'Configuration applied to the gateway'],
  ['developer.apply', 'Developer asked for a plan'],
  ['one.of_tomorrow', 'one.of_tomorrow'],
])('actionText(%s)', (action, want) => expect(actionText(action)).toBe(want));

it('has words for each action, no two alike', () => {
  const all = [...audited, ...auditedOfOperators];
  const words = all.map(actionText);
  expect(words.filter((text, i) => text === all[i])).toEqual([]);
  expect(words.filter((text, i) => words.indexOf(text) !== i)).toEqual([]);
});

it('offers each action of an organization once', () => {
  expect(actions.map((a) => a.value)).toEqual([...new Set(audited)]);
});
