import type { Operation, Scheme } from './openapi';

/** What the reader typed into the console. */
export interface Typed {
  parameters: Record<string, string>;
  key: string;
  body: string;
}

export interface Prepared {
  method: string;
  path: string;
  headers: Record<string, string[]>;
  body?: string;
}

/** The name of a parameter among what was typed. */
export const fieldOf = (p: { in: string; name: string }): string => `${p.in} ${p.name}`;

/** The request that was typed, as it goes over the wire. */
export function prepare(op: Operation, scheme: Scheme, typed: Typed): Prepared {
  const value = (p: { in: string; name: string }) => typed.parameters[fieldOf(p)] ?? '';
  const path = op.path.replace(/\{([^}]+)\}/g, (_, name: string) => encodeURIComponent(value({ in: 'path', name })));
  const query = new URLSearchParams();
  const headers: Record<string, string[]> = {};
  for (const p of op.parameters) {
    if (p.in === 'query' && value(p) !== '') query.append(p.name, value(p));
    if (p.in === 'header' && value(p) !== '') headers[p.name] = [value(p)];
  }
  if (typed.key !== '') {
    if (scheme.in === 'query') query.append(scheme.name, typed.key);
    else headers[scheme.name] = [scheme.prefix + typed.key];
  }
  const words = query.toString();
  const out: Prepared = { method: op.method, path: words ? `${path}?${words}` : path, headers };
  if (op.body && typed.body !== '') {
    out.body = typed.body;
    headers['Content-Type'] = [op.body.contentType];
  }
  return out;
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** The same request for a terminal. */
export function curl(base: string, request: Prepared): string {
  const lines = [`curl ${request.method === 'GET' ? '' : `-X ${request.method} `}${quote(base.replace(/\/$/, '') + request.path)}`];
  for (const [name, values] of Object.entries(request.headers)) for (const v of values) lines.push(`-H ${quote(`${name}: ${v}`)}`);
  if (request.body !== undefined) lines.push(`-d ${quote(request.body)}`);
  return lines.join(' \\\n  ');
}
