import { parseDocument, stringify } from 'yaml';

export type Format = 'yaml' | 'json';

/** What a text means, or why it means nothing. */
export type Parsed = { value: unknown } | { error: string; line?: number };

/** A value as text that a person edits. */
export function print(value: unknown, format: Format): string {
  if (format === 'json') return `${JSON.stringify(value, null, 2)}\n`;
  return stringify(value, { lineWidth: 0 });
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

/** Reads a text back. */
export function parse(text: string, format: Format): Parsed {
  if (format === 'json') {
    try {
      return { value: JSON.parse(text) as unknown };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const offset = /position (\d+)/.exec(message)?.[1];
      return { error: message.replace(/^JSON\.parse: /, ''), line: offset === undefined ? undefined : lineOf(text, Number(offset)) };
    }
  }
  // Aliases are refused: the API has no word for them, and nested ones grow without bound.
  const document = parseDocument(text, { prettyErrors: false, version: '1.2' });
  const wrong = document.errors[0];
  if (wrong) return { error: wrong.message, line: lineOf(text, wrong.pos[0]) };
  try {
    return { value: document.toJS({ maxAliasCount: 0 }) as unknown };
  } catch {
    return { error: 'Aliases (*name) can’t be used here.' };
  }
}

/** Whether two values are the same JSON; the order of an object's keys says nothing. */
export function sameJSON(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object' || Array.isArray(a) !== Array.isArray(b)) return false;
  const defined = (o: object) => Object.entries(o).filter(([, v]) => v !== undefined);
  const left = defined(a);
  const right = new Map(defined(b));
  return left.length === right.size && left.every(([key, value]) => right.has(key) && sameJSON(value, right.get(key)));
}

/** The text to show for a value: what stands there while it means the same, else the value anew. */
export function synced(text: string, format: Format, value: unknown): string {
  const now = parse(text, format);
  return 'value' in now && sameJSON(now.value, value) ? text : print(value, format);
}
