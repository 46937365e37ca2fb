import { expect, it } from 'vitest';
import { metadataFault, metadataOf, metadataText } from './metadata';

it('goes to a form and back', () => {
  const metadata = { customer: 4711, tags: ['a'] };
  expect(metadataOf(metadataText(metadata))).toEqual(metadata);
  expect(metadataText({})).toBe('');
  expect(metadataText(undefined)).toBe('');
  expect(metadataOf('  ')).toBeUndefined();
});

it.each(['', '{"a":1}', ' {} '])('takes %j', (text) => expect(metadataFault(text)).toBeNull());
it.each(['[1]', '"a"', 'null', '12'])('asks for an object instead of %j', (text) => expect(metadataFault(text)).toMatch(/object/));
it('says that broken JSON is none', () => expect(metadataFault('{"a":')).toMatch(/^Is no JSON/));
