/** What a table of options says of each option, and how given options are held against it. */
import { printable, unknownOption } from './option-values.ts';

export interface OptionSpec {
  /** The form of the value, as help shows it. */
  readonly value: string;
  readonly default: string;
  readonly help: string;
  /** Returns what is wrong with the text, or undefined. */
  readonly problem: (text: string) => string | undefined;
}

/** @param prefix the flag that the user typed before each, and a blank. */
export function* findProblems(
  prefix: string,
  table: Readonly<Record<string, OptionSpec>>,
  given: Readonly<Record<string, unknown>>,
): Generator<string> {
  for (const [key, value] of Object.entries(given)) {
    const spec = Object.hasOwn(table, key) ? table[key] : undefined;
    if (spec === undefined) {
      yield unknownOption(prefix, key, value, Object.keys(table));
    } else if (typeof value !== 'string') {
      yield `${prefix}${key}=${printable(value)} is not text`;
    } else {
      const problem = spec.problem(value);
      if (problem !== undefined) yield `${prefix}${key}=${printable(value)} ${problem}`;
    }
  }
}

export function textOf(given: Readonly<Record<string, unknown>>, key: string): string | undefined {
  const value = given[key];
  return typeof value === 'string' ? value : undefined;
}
