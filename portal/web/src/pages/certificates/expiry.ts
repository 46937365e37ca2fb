/** How long a certificate is still good, for people. */
export function expiryWords(days: number): string {
  if (days < 0) return 'expired';
  if (days === 0) return 'less than a day left';
  return `${days} day${days === 1 ? '' : 's'} left`;
}
