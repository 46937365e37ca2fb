import { expect, it } from 'vitest';
import { troubleOf } from './standing';

const standing_until = '2027-03-07T13:37:00Z';
const spam = { by: 'operator', reason: 'Spam. ' } as const;
const debt = { by: 'billing', reason: 'An invoice is not paid' } as const;

it('says nothing where all is well', () => {
  expect(troubleOf('Acme', [], { standing: 'good' })).toBeUndefined();
  expect(troubleOf('Acme', [], undefined)).toBeUndefined();
});
it.each([
  ['grace', /until .*2027/, 'amber'],
  ['capped', /429, and everything from .*2027/, 'red'],
  ['suspended', /403/, 'red'],
] as const)('%s', (standing, text, colour) => {
  const found = troubleOf('Acme', [], { standing, standing_until });
  expect(found).toMatchObject({ colour, payment: true });
  expect(found?.text).toMatch(text);
});
it('tells who may not see the billing that it is suspended for a payment', () => {
  expect(troubleOf('Acme', [debt], undefined)).toMatchObject({ title: 'Acme is suspended', payment: true });
});
it('sends to the operator where only that one can help, also when money is owed', () => {
  const found = troubleOf('Acme', [debt, spam], { standing: 'suspended' });
  expect(found).toMatchObject({ payment: false, title: 'Acme is suspended' });
  expect(found?.text).toContain('The operator’s reason: Spam. Write');
});
