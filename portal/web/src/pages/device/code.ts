const letters = 'BCDFGHJKLMNPQRSTVWXZ';

/** A code as people type it, in the form that the command line shows: `bcdf ghjk` → `BCDF-GHJK`; undefined for what can be none. */
export function readCode(typed: string | undefined): string | undefined {
  const code = (typed ?? '').toUpperCase().replaceAll(/[-\s]/g, '');
  if (code.length !== 8 || [...code].some((c) => !letters.includes(c))) return undefined;
  return `${code.slice(0, 4)}-${code.slice(4)}`;
}
