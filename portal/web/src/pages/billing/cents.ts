import type { Schemas } from '@/api/client';

type Overage = NonNullable<Schemas['Plan']['overage']>;

/**
 * Cents of an amount as a person writes it: "12.5" and "$1,200.00" are amounts,
 * "12.505" and "twelve" are not. Digits are moved, never multiplied: no float.
 */
export function centsOf(text: string): number | undefined {
  const found = /^[$€£]?\s*(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d{0,2}))?$/.exec(text.trim());
  if (!found) return undefined;
  const cents = Number(`${(found[1] ?? '').replaceAll(',', '')}${(found[2] ?? '').padEnd(2, '0')}`);
  return Number.isSafeInteger(cents) ? cents : undefined;
}

/** Cents as a field shows them: 1250 → "12.50". */
export function amountOf(cents: number): string {
  const digits = String(cents).padStart(3, '0');
  return `${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** How many requests beyond the included ones an amount pays for; a part of one is none. */
export function requestsFor(cents: number, overage: Overage): number | undefined {
  if (overage.price_cents === 0) return undefined;
  return Number((BigInt(cents) * BigInt(overage.requests)) / BigInt(overage.price_cents));
}

/** What so many requests beyond the included ones cost, half a cent rounded up. */
export function costOf(requests: number, overage: Overage): number {
  const [n, d] = [BigInt(requests) * BigInt(overage.price_cents), BigInt(overage.requests)];
  return Number((2n * n + d) / (2n * d));
}
