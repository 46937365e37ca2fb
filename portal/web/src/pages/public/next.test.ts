import { expect, it } from 'vitest';
import { safeNext } from './next';

const here = 'https://portal.example';
it.each([
  [undefined, '/gateways'],
  ['', '/gateways'],
  ['/gateways/shop/logs?status=5xx#x', '/gateways/shop/logs?status=5xx#x'],
  ['//evil.example/', '/gateways'],
  ['/\\evil.example/', '/gateways'],
  ['/\t/evil.example/', '/gateways'],
  ['https://evil.example/', '/gateways'],
  ['javascript:alert(1)', '/gateways'],
  ['https://portal.example/account', '/gateways'],
  ['/%2f%2fevil.example', '/%2f%2fevil.example'],
])('safeNext(%j)', (next, want) => expect(safeNext(next, here)).toBe(want));
