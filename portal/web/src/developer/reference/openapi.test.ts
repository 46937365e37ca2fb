import { describe, expect, it } from 'vitest';
import { exampleOf, operationsOf, resolve, schemeOf, type Node } from './openapi';
import { curl, prepare } from './request';

const doc: Node = {
  openapi: '3.0.3',
  security: [{ key: [] }],
  components: {
    securitySchemes: { key: { type: 'http', scheme: 'bearer' } },
    parameters: { Page: { name: 'page', in: 'query', schema: { type: 'integer', default: 1 } } },
    schemas: {
      Order: { type: 'object', properties: { id: { type: 'integer' }, state: { enum: ['open', 'paid'] }, next: { $ref: '#/components/schemas/Order' } } },
      Loop: { $ref: '#/components/schemas/Loop' },
    },
  },
  paths: {
    '/orders/{id}': {
      parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
      get: { summary: 'One order', tags: ['orders'], parameters: [{ $ref: '#/components/parameters/Page' }], responses: { 200: { description: 'It' } } },
      put: { security: [], requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Order' } } } } },
    },
    '/broken': 'not an item',
  },
};

describe('the reference', () => {
  it('lists the operations with what their path has', () => {
    const [get, put] = operationsOf(doc);
    expect(get).toMatchObject({ method: 'GET', path: '/orders/{id}', tag: 'orders', summary: 'One order', secured: true });
    expect(get?.parameters.map((p) => [p.in, p.name, p.required, p.example])).toEqual([['path', 'id', true, ''], ['query', 'page', false, '1']]);
    expect(put).toMatchObject({ method: 'PUT', secured: false, body: { contentType: 'application/json' } });
  });
  it('survives references in circles and to nowhere', () => {
    expect(resolve(doc, { $ref: '#/components/schemas/Loop' })).toBeUndefined();
    expect(resolve(doc, { $ref: 'https://example.com/a.json' })).toBeUndefined();
    expect(resolve(doc, { $ref: '#/nothing/%zz' })).toBeUndefined();
    expect(exampleOf(doc, { $ref: '#/components/schemas/Order' })).toMatchObject({ id: 1, state: 'open', next: { id: 1 } });
    expect(operationsOf({ paths: null })).toEqual([]);
  });
  it('sends the key as the document says', () => {
    expect(schemeOf(doc)).toEqual({ in: 'header', name: 'Authorization', prefix: 'Bearer ' });
    expect(schemeOf({ components: { securitySchemes: { k: { type: 'apiKey', in: 'query', name: 'api_key' } } } })).toEqual({ in: 'query', name: 'api_key' });
    expect(schemeOf({})).toEqual({ in: 'header', name: 'X-API-Key', prefix: '' });
  });
});

describe('the console', () => {
  const [get, put] = operationsOf(doc);
  if (!get || !put) throw new Error('no operations');
  it('puts what was typed where it belongs, escaped', () => {
    const request = prepare(get, schemeOf(doc), { parameters: { 'path id': 'a/b c', 'query page': '2&x' }, key: 'tg_live_1', body: '' });
    expect(request).toEqual({ method: 'GET', path: '/orders/a%2Fb%20c?page=2%26x', headers: { Authorization: ['Bearer tg_live_1'] } });
  });
  it('sends a body with its type, and leaves out what is empty', () => {
    expect(prepare(put, { in: 'header', name: 'X-API-Key', prefix: '' }, { parameters: { 'path id': '7' }, key: '', body: '{}' })).toEqual({
      method: 'PUT', path: '/orders/7', headers: { 'Content-Type': ['application/json'] }, body: '{}',
    });
  });
  it('writes a line for a terminal that no text breaks out of', () => {
    expect(curl('https://api.example.com/', { method: 'POST', path: '/a', headers: { A: ["it's"] }, body: '{"a":1}' })).toBe(
      `curl -X POST 'https://api.example.com/a' \\\n  -H 'A: it'\\''s' \\\n  -d '{"a":1}'`,
    );
  });
});
