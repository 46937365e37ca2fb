/** Milliseconds with every digit that the API gave: 0.42 → "0.42 ms". */
export const exactMs = (ms: number): string => `${ms.toLocaleString('en', { maximumFractionDigits: 6 })} ms`;

/** Bytes as they were counted: 1536 → "1,536 B". */
export const exactBytes = (n: number): string => `${n.toLocaleString('en')} B`;

/** Bytes below an axis: short, on one line. */
export function axisBytes(n: number): string {
  const units = ['B', 'K', 'M', 'G', 'T', 'P'];
  let i = 0;
  while (n >= 1024 && i < units.length - 1) {
    n /= 1024;
    i++;
  }
  return `${n.toLocaleString('en', { maximumFractionDigits: n < 10 ? 1 : 0 })}\u00a0${units[i]}${i > 0 ? 'iB' : ''}`;
}
