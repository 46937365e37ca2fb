import { expect, it } from 'vitest';
import { Problem } from '@/api/problem';
import { fieldPath, placeErrors } from './useApiForm';

it.each([
  ['/name', 'name'],
  ['/targets/0/url', 'targets.0.url'],
  ['/metadata/a~1b~0c', 'metadata.a/b~c'],
])('fieldPath(%s)', (pointer, want) => expect(fieldPath(pointer)).toBe(want));

it('places each error at its field, or at the field that holds it', () => {
  const problem = new Problem({
    type: '', title: '', status: 422, code: 'invalid', request_id: '',
    errors: [
      { pointer: '/name', detail: 'is taken' },
      { pointer: '/match/headers/3/regex', detail: 'does not compile' },
      { pointer: '/scopes/0', detail: 'is no permission' },
      { pointer: '/upstream', detail: 'does not exist' },
      { pointer: '/secret', detail: 'is missing' },
    ],
  });
  const fields = new Set(['name', 'match', 'target', 'scopes']);
  const placed = placeErrors(problem, (path) => fields.has(path), { '/upstream': 'target' });
  expect(placed.fields).toEqual({ name: 'Is taken.', match: 'Does not compile.', scopes: 'Is no permission.', target: 'Does not exist.' });
  expect(placed.rest.map((e) => e.pointer)).toEqual(['/secret']);
});
