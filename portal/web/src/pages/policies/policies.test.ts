import { expect, test } from 'vitest';
import { add, byPhase, inherited, moveTo, step, type Phase } from './order';
import { fieldsOf, resolve, shownValue, startOf, summaryOf, withField, type Schema } from './schema';

const phaseOf = (type: string): Phase => (({ cors: 'guard', jwt: 'authenticate', key: 'authenticate', rate: 'limit', quota: 'limit' }) as Record<string, Phase>)[type] ?? 'transform';
const list = (...types: string[]) => types.map((type) => ({ type }));
const types = (policies: { type: string }[]) => policies.map((p) => p.type).join(' ');

test('policies stay in their phase', () => {
  const all = list('cors', 'rate', 'jwt', 'quota', 'key');
  expect(byPhase(all, phaseOf).map((g) => `${g.phase}:${g.items.map((i) => i.index).join(',')}`)).toEqual(['guard:0', 'authenticate:2,4', 'limit:1,3']);
  expect(types(moveTo(all, 1, 3, phaseOf))).toBe('cors jwt quota rate key');
  expect(types(moveTo(all, 1, 2, phaseOf))).toBe(types(all));
  expect(types(moveTo(all, 1, 9, phaseOf))).toBe(types(all));
});

test('a step goes past the policies of other phases and stops at the end', () => {
  const all = list('rate', 'jwt', 'quota');
  expect(types(step(all, 2, -1, phaseOf))).toBe('quota rate jwt');
  expect(types(step(all, 0, 1, phaseOf))).toBe('jwt quota rate');
  expect(types(step(all, 2, 1, phaseOf))).toBe(types(all));
});

test('a new policy stands behind the last of its phase', () => {
  expect(types(add(list('cors', 'rate'), { type: 'jwt' }, phaseOf))).toBe('cors jwt rate');
  expect(types(add(list('rate', 'mock'), { type: 'quota' }, phaseOf))).toBe('rate quota mock');
  expect(types(add([], { type: 'mock' }, phaseOf))).toBe('mock');
});

test('a route replaces the gateway’s policy of the same type, limits add up', () => {
  expect(inherited(list('cors', 'rate', 'jwt'), list('cors', 'rate'), phaseOf).map((i) => i.replaced)).toEqual([true, false, false]);
});

const schema: Schema = {
  type: 'object',
  required: ['rate', 'by'],
  $defs: { names: { type: 'array', items: { type: 'string' }, 'x-widget': 'tags', title: 'Names' } },
  properties: {
    rate: { type: 'integer', title: 'Rate', examples: [100] },
    by: { type: 'string', enum: ['key', 'ip'] },
    allow: { $ref: '#/$defs/names', title: 'Allowed', default: [] },
    algorithms: { type: 'array', items: { enum: ['RS256', 'EdDSA'] }, default: ['RS256'] },
    bearer: { type: 'boolean', default: true },
    age: { type: 'string', 'x-widget': 'duration', default: '10m0s' },
    set: { type: 'object', 'x-widget': 'fields', additionalProperties: { oneOf: [{ type: 'string' }, { type: 'object', 'x-secret': true }] } },
    claims: { type: 'object', additionalProperties: { oneOf: [{ type: 'string' }, { type: 'array' }] } },
    query: { type: 'object', properties: { remove: { type: 'array', items: { type: 'string' } } } },
    json: { title: 'JSON' },
  },
  examples: [{ rate: 100, by: 'key' }],
};

test('each schema becomes its widget', () => {
  expect(Object.fromEntries(fieldsOf(schema).map((f) => [f.key, f.widget]))).toEqual({
    rate: 'number', by: 'select', allow: 'tags', algorithms: 'choices', bearer: 'switch', age: 'duration',
    set: 'fields', claims: 'fields', query: 'group', json: 'json',
  });
  const at = (key: string) => fieldsOf(schema).find((f) => f.key === key);
  expect(at('rate')).toMatchObject({ required: true, placeholder: 'such as 100' });
  expect(at('age')).toMatchObject({ required: false, placeholder: '10m0s' });
  expect(at('allow')?.title).toBe('Allowed');
  expect(at('set')?.secrets).toBe(true);
  expect(at('claims')).toMatchObject({ secrets: false, lists: true });
});

test('a reference that leads in a circle ends', () => {
  const root: Schema = { $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a', title: 'B' } } };
  expect(resolve({ $ref: '#/$defs/a' }, root)).toMatchObject({ title: 'B' });
});

test('what is empty leaves the config, so that the default holds', () => {
  const [rate, , allow, , bearer] = fieldsOf(schema);
  if (!rate || !allow || !bearer) throw new Error('fields are missing');
  const config = { rate: 1, allow: ['x'], by: 'key' };
  expect(withField(config, allow, [])).toEqual({ rate: 1, by: 'key' });
  expect(Object.keys(withField(config, rate, 2))).toEqual(['rate', 'allow', 'by']);
  expect(withField(config, bearer, false)).toEqual({ ...config, bearer: false });
  expect(shownValue({}, bearer)).toBe(true);
  expect(shownValue({ bearer: false }, bearer)).toBe(false);
});

test('a new policy begins with a copy of the example', () => {
  const begun = startOf(schema);
  expect(begun).toEqual({ rate: 100, by: 'key' });
  begun.rate = 5;
  expect(startOf(schema)).toEqual({ rate: 100, by: 'key' });
  expect(summaryOf({ rate: 100, allow: ['a', 'b', 'c', 'd'], set: { x: 1 } })).toBe('rate: 100 · allow: a, b, c, … · set: x');
  expect(summaryOf({ allow: [{ name: 'staff', scopes: ['a'] }, { scopes: [], ips: [] }, {}] })).toBe('allow: staff, scopes and ips, nothing');
});
