import type { Schemas } from '@/api/client';

export type Match = Schemas['Match'];
export type FieldMatch = Schemas['FieldMatch'];

export const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];

/** What a path pattern fits, in a sentence; undefined for an empty one. */
export function pathWords(path: string): string | undefined {
  if (path === '') return undefined;
  if (path.startsWith('~')) return 'A regular expression (RE2) over the whole path. Exact paths, parameters and prefixes come before it.';
  if (!path.startsWith('/')) return undefined;
  if (path === '/*') return 'Every path.';
  const parameters = [...path.matchAll(/\{([^}+]+)(\+?)\}/g)];
  const names = parameters.map((m) => m[1]).join(', ');
  if (path.endsWith('/*')) {
    const prefix = path.slice(0, -2);
    return `${prefix} and everything below it${names ? `; ${names} can be used in policies` : ''}.`;
  }
  if (parameters.some((m) => m[2])) return `Paths of this shape; the last part takes the rest of the path. ${names} can be used in policies.`;
  if (names) return `Paths of this shape, one segment for each of ${names}, which can be used in policies.`;
  return 'This path and no other.';
}

export type Test = 'exact' | 'prefix' | 'regex' | 'present' | 'absent';

/** Which of a field's tests is chosen. */
export function testOf(field: FieldMatch): Test {
  if (field.prefix !== undefined) return 'prefix';
  if (field.regex !== undefined) return 'regex';
  if (field.present !== undefined) return field.present ? 'present' : 'absent';
  return 'exact';
}

/** The value that the test compares with. */
export function valueOf(field: FieldMatch): string {
  return field.exact ?? field.prefix ?? field.regex ?? '';
}

/** A field with one test and its value; the other tests leave it. */
export function fieldWith(name: string, test: Test, value: string): FieldMatch {
  if (test === 'present' || test === 'absent') return { name, present: test === 'present' };
  return { name, [test]: value };
}

/** A match without what says nothing: empty lists. */
export function tidy(match: Match): Match {
  const kept = <T>(list: T[] | undefined) => (list && list.length > 0 ? list : undefined);
  const out: Match = { ...match, hosts: kept(match.hosts), methods: kept(match.methods), headers: kept(match.headers), query: kept(match.query), claims: kept(match.claims) };
  return Object.fromEntries(Object.entries(out).filter(([, v]) => v !== undefined)) as Match;
}

/** "GET, POST /orders/*": for lists. */
export function matchWords(match: Match): string {
  return `${match.methods?.length ? match.methods.join(', ') : 'Any method'} ${match.path}`;
}

/** A path that a pattern fits: its parameters are 1, its prefix alone. */
export function samplePath(pattern: string | undefined): string {
  if (!pattern || !pattern.startsWith('/')) return '/';
  return pattern.replace(/(?<=.)\/\*$/, '').replace(/\*$/, '').replace(/\{[^}]*\}/g, '1') || '/';
}
