import { expect, it } from 'vitest';
import { shareOf } from './share';

it.each([
  [50, 200, { share: 25, over: 0 }],
  [200, 200, { share: 100, over: 0 }],
  [260, 200, { share: 130, over: 60 }],
  [10, undefined, { share: 0, over: 0 }],
  [0, 0, { share: 100, over: 0 }],
])('shareOf(%s, %s)', (used, included, want) => expect(shareOf(used, included)).toEqual(want));
