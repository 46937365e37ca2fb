import { sameJSON } from './code/text';

/** The value that a JSON pointer names inside a value. */
export function at(value: unknown, pointer: string): unknown {
  let here = value;
  for (const step of pointer.split('/').slice(1)) {
    if (here === null || typeof here !== 'object') return undefined;
    here = (here as Record<string, unknown>)[step.replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  return here;
}

/**
 * Whether a mistake at a pointer should be shown yet: what nobody has touched is
 * not reproached before the first try to save.
 */
export function touched(initial: unknown, draft: unknown, pointer: string): boolean {
  return !sameJSON(at(initial, pointer), at(draft, pointer));
}
