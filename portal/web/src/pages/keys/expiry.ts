/** What the choice of an expiry offers; the last one shows a field for the moment. */
export const expiries = [
  { value: 'never', label: 'Never' },
  { value: '30', label: 'In 30 days' },
  { value: '90', label: 'In 90 days' },
  { value: '365', label: 'In a year' },
  { value: 'at', label: 'At a moment of my choice' },
] as const;

/** The moment that a choice means, in the API's words; an empty text for never. */
export function expiryOf(choice: string, now: number = Date.now()): string {
  const days = Number(choice);
  return Number.isNaN(days) ? '' : new Date(now + days * 86_400_000).toISOString();
}

/** What a datetime-local field holds: local time to the minute. */
export function localMinute(time: string): string {
  const at = new Date(time);
  if (time === '' || Number.isNaN(at.getTime())) return '';
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** The moment that such a field means. */
export function momentOf(local: string): string {
  const at = new Date(local);
  return local === '' || Number.isNaN(at.getTime()) ? '' : at.toISOString();
}
