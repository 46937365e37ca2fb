import { expect, test } from 'vitest';
import { hostsWords, inputOf, noRules, rulesOf } from './callers';

test('rules go to the form and back without what is empty', () => {
  const saved = { ca_pem: 'PEM', subjects: ['CN=billing*'] };
  expect(JSON.parse(JSON.stringify(rulesOf(inputOf(saved))))).toEqual(saved);
  const full = { hosts: ['api.example.com'], mode: 'optional' as const, ca_pem: 'PEM', crl_pem: 'CRL', subjects: ['CN=a'], sans: ['dns:*.example.com'] };
  expect(rulesOf(inputOf(full))).toEqual(full);
});

test('rules without hosts hold for those that no others name', () => {
  const some = { ...noRules, hosts: ['a.example.com', 'b.example.com'] };
  expect(hostsWords(noRules, [noRules])).toBe('Every host of the gateway');
  expect(hostsWords(noRules, [noRules, some])).toBe('Every other host of the gateway');
  expect(hostsWords(some, [noRules, some])).toBe('a.example.com, b.example.com');
});
