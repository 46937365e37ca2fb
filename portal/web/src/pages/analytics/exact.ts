/** Milliseconds with every digit that the API gave: 0.42 → "0.42 ms". */
export const exactMs = (ms: number): string => `${ms.toLocaleString('en', { maximumFractionDigits: 6 })} ms`;

/** Bytes as they were counted: 1536 → "1,536 B". */
export const exactBytes = (n: number): string => `${n.toLocaleString('en')} B`;
