/**
 * The ISO text of a time in milliseconds since 1970. `Date` refuses a time that no calendar has.
 * One such time must not stop the status of the others.
 */
export function timeText(at: number): string {
  if (at === Infinity) return 'infinite';
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? 'unknown' : date.toISOString();
}
