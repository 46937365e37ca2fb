/** How much of what is included is used: as a percentage, and what goes beyond. */
export function shareOf(used: number, included: number | undefined): { share: number; over: number } {
  if (included === undefined) return { share: 0, over: 0 };
  return { share: included === 0 ? 100 : (100 * used) / included, over: Math.max(0, used - included) };
}
