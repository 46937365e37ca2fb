import { expect, it } from 'vitest';
import { curlLine, samplePath } from './curl';

it.each([
  ['/*', '/hello'],
  ['/orders/*', '/orders/hello'],
  ['/orders/{id}/items/{rest+}', '/orders/1/items/1'],
  ['/exact', '/exact'],
  ['~^/v[12]/', '/'],
])('samplePath(%s)', (pattern, want) => expect(samplePath(pattern)).toBe(want));

it('quotes what a shell would read', () => {
  expect(curlLine('http://shop.localhost:8000/', "/a?b='c'", 'tg_1')).toBe(
    `curl -i 'http://shop.localhost:8000/a?b='\\''c'\\''' -H 'X-API-Key: tg_1'`,
  );
  expect(curlLine('https://shop.example', '/', undefined)).toBe("curl -i 'https://shop.example/'");
});
