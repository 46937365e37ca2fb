import { expect, it } from 'vitest';
import { EventReader } from './sse';

it('reads events however they are cut', () => {
  const text = ': hello\n\nretry: 2000\n\nid: 7\ndata: {"a":1}\n\nevent: gap\ndata: x\ndata: y\r\n\r\n';
  for (let cut = 0; cut <= text.length; cut++) {
    const reader = new EventReader();
    const events = [...reader.push(text.slice(0, cut)), ...reader.push(text.slice(cut))];
    expect(events, `cut at ${cut}`).toEqual([
      { event: 'message', data: '{"a":1}', id: '7' },
      { event: 'gap', data: 'x\ny', id: undefined },
    ]);
  }
});

it('keeps back what is not complete', () => {
  const reader = new EventReader();
  expect(reader.push('data: 1\n')).toEqual([]);
  expect(reader.push('\n')).toHaveLength(1);
});

it('takes fields without a value or a space', () => {
  expect(new EventReader().push('data\ndata:x\n\n')).toEqual([{ event: 'message', data: '\nx', id: undefined }]);
});
