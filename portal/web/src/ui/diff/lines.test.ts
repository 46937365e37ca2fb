import { describe, expect, it } from 'vitest';
import { around, diffLines, type Line } from './lines';

const plain = (lines: Line[]) => lines.map((l) => ({ same: ' ', added: '+', removed: '-' })[l.kind] + l.text);
const apply = (lines: Line[], leaveOut: Line['kind']) => lines.filter((l) => l.kind !== leaveOut).map((l) => l.text).join('\n');

describe('diffLines', () => {
  it.each([
    ['', '', []],
    ['a', 'a', [' a']],
    ['', 'a\nb\n', ['+a', '+b']],
    ['a\nb', '', ['-a', '-b']],
    ['a\nb\nc', 'a\nx\nc', [' a', '-b', '+x', ' c']],
    ['a\nb\nc\nd', 'b\nc\nd\ne', ['-a', ' b', ' c', ' d', '+e']],
    ['same\na\na\nsame', 'same\na\nsame', [' same', ' a', '-a', ' same']],
  ])('%j to %j', (before, after, want) => expect(plain(diffLines(before, after))).toEqual(want));

  it('always leads from one text to the other', () => {
    let seed = 7;
    const next = (n: number) => (seed = (seed * 48271) % 2147483647) % n;
    for (let round = 0; round < 200; round++) {
      const text = () => Array.from({ length: 1 + next(12) }, () => 'abc'[next(3)]).join('\n');
      const [before, after] = [text(), text()];
      const lines = diffLines(before, after);
      expect(apply(lines, 'added')).toBe(before);
      expect(apply(lines, 'removed')).toBe(after);
    }
  });

  it('replaces what is too large to compare', () => {
    const big = (c: string) => Array.from({ length: 2500 }, (_, i) => c + i).join('\n');
    const lines = diffLines(big('a'), big('b'));
    expect(lines).toHaveLength(5000);
    expect(apply(lines, 'removed')).toBe(big('b'));
  });
});

it('around keeps what is near a change', () => {
  const before = Array.from({ length: 20 }, (_, i) => `l${i}`);
  const after = before.with(10, 'new');
  const shown = around(diffLines(before.join('\n'), after.join('\n')), 2);
  expect(shown[0]).toEqual({ kind: 'skipped', lines: 8 });
  expect(shown.at(-1)).toEqual({ kind: 'skipped', lines: 7 });
  expect(shown).toHaveLength(8);
});
