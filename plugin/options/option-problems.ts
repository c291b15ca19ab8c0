/** Puts all mistakes in options into one error, short enough to read. */
import { PluginError } from '../vocabulary/errors.ts';

const MOST_PROBLEMS = 20;

/** @throws PluginError INVALID_OPTION if there are problems. */
export function refuse(problems: readonly string[]): void {
  if (problems.length === 0) return;
  const more = problems.length - MOST_PROBLEMS;
  const told = [...problems.slice(0, MOST_PROBLEMS), ...(more > 0 ? [`and ${more} more`] : [])];
  throw new PluginError('INVALID_OPTION', told.join('; '));
}

/** @param flag the flag before the option, and a blank. */
export function noParent(flag: string): string {
  return `${flag}parent=LINK is missing: name the link that carries the trunk`;
}
