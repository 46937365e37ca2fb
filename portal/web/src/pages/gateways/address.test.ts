import { expect, test } from 'vitest';
import { addressOf, curlOf } from './address';

test('a gateway answers below the edge’s domain', () => {
  expect(addressOf('https://gw.example.com:8443', 'shop')).toBe('https://shop.gw.example.com:8443');
});

test('a curl line survives the shell', () => {
  expect(curlOf('http://a.localhost:8000/orders')).toBe('curl http://a.localhost:8000/orders');
  expect(curlOf("http://a/it's?x=1&y=2", { method: 'POST', headers: { 'X-Api-Key': 'tg' } })).toBe(
    `curl -X POST -H 'X-Api-Key: tg' 'http://a/it'\\''s?x=1&y=2'`,
  );
});
