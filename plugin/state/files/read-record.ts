/**
 * Turns the text of a state file into a record, and back. A file is never trusted. Each value is
 * checked (`record-schemas.ts`). The reason says in words what is wrong, for people who look at the
 * file.
 */
import * as v from 'valibot';
import type { WallTime } from '../../vocabulary/time.ts';
import { migrated, stepsOf, versionOf } from './migrations.ts';
import { complete, readable } from './record-schemas.ts';
import type { Records } from '../stored-records.ts';
import { isId } from './value-schemas.ts';
import { messageOf } from '../../vocabulary/errors.ts';

/**
 * Options and leases have a depth of four. Writing a value with a depth of thousands would overflow
 * the stack.
 */
const DEEPEST = 12;
const PROBLEMS_TOLD = 5;
const LONGEST_VALUE = 60;

export type Reading<Record> =
  | { readonly is: 'complete'; readonly record: Record }
  /** The id of the record could be read, but not all of the rest. */
  | { readonly is: 'damaged'; readonly record: Record; readonly reason: string }
  | { readonly is: 'useless'; readonly reason: string }
  | { readonly is: 'newer'; readonly reason: string };

/** @param file the file's name without the ending, and the time when it was written. */
export function readRecord<K extends keyof Records>(
  kind: K,
  text: string,
  file: { readonly id: string; readonly writtenAt: WallTime },
): Reading<Records[K]> {
  let stored: unknown;
  try {
    stored = JSON.parse(text, readInfinity);
  } catch (error) {
    return { is: 'useless', reason: messageOf(error) };
  }
  const { version, record: written } = isObject(stored) ? stored : {};
  if (typeof version === 'number' && version > versionOf(kind)) {
    const reason = `it was written by a newer vlandhcp (format ${version})`;
    return { is: 'newer', reason };
  }
  if (!isVersion(version)) return { is: 'useless', reason: 'it lacks version' };
  if (!isObject(written)) return { is: 'useless', reason: 'it lacks record' };
  const record = migrated(written, version, stepsOf(kind));
  const misplaced = reasonNotOfFile(file.id, record['id']);
  if (misplaced !== undefined) return { is: 'useless', reason: misplaced };
  if (isDeeperThan(DEEPEST, record)) {
    return { is: 'useless', reason: `it is nested more than ${DEEPEST} deep` };
  }
  const whole = parse<Records[K]>(complete[kind], record);
  if (whole.success) return { is: 'complete', record: whole.output };
  const reason = reasonOf(whole.issues);
  const schema: v.GenericSchema<unknown, Records[K]> | undefined = readable(file)[kind];
  const part = schema && parse<Records[K]>(schema, record);
  if (part?.success !== true) return { is: 'useless', reason };
  return { is: 'damaged', record: part.output, reason };
}

/**
 * Checks the name of the file. A file with another name is a copy by a person (`x-copy.json`,
 * `x(1).json`). As a record it would take link and lease from the container of the original. An id
 * that cannot be read is damage like any other.
 * @returns the reason why it is not the record's file. Undefined if it is.
 */
function reasonNotOfFile(fileId: string, id: unknown): string | undefined {
  if (!isId(fileId)) return 'its name is no id';
  const isOther = typeof id === 'string' && isId(id) && id !== fileId;
  return isOther ? `it is about ${id}, which is not the name of the file` : undefined;
}

function parse<Output>(schema: v.GenericSchema<unknown, Output>, value: unknown) {
  return v.safeParse(schema, value);
}

export function writeRecord(kind: keyof Records, record: object): string {
  return JSON.stringify({ version: versionOf(kind), record }, writeInfinity);
}

/** Returns the unchecked record in a file of a former kind. Undefined if there is none. */
export function formerRecord(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const stored: unknown = JSON.parse(text, readInfinity);
    const { version, record } = isObject(stored) ? stored : {};
    return version === 1 && isObject(record) && !isDeeperThan(DEEPEST, record) ? record : undefined;
  } catch {
    return undefined; // moved as it is, and reported then
  }
}

function writeInfinity(_key: string, value: unknown): unknown {
  return value === Infinity ? 'infinite' : value;
}

function readInfinity(key: string, value: unknown): unknown {
  return value === 'infinite' && /(At|Ms|Until)$/.test(key) ? Infinity : value;
}

function isVersion(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 1;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isDeeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeperThan(levels - 1, inner));
}

/** Returns a text like `it lacks mtu; lease.expiresAt is "x" and not a time in ms since 1970`. */
function reasonOf(issues: readonly v.BaseIssue<unknown>[]): string {
  const lacking: string[] = [];
  const wrong: string[] = [];
  for (const issue of issues.slice(0, PROBLEMS_TOLD)) {
    const path = v.getDotPath(issue);
    const isOurs = issue.type === 'custom' || issue.type === 'check';
    const expected = isOurs ? issue.message : (issue.expected ?? 'what it is');
    const seen = issue.received.slice(0, LONGEST_VALUE);
    if (seen === 'undefined') lacking.push(path ?? 'record');
    else if (issue.type === 'check') wrong.push(`${path ?? 'it'} lacks ${expected}`);
    else wrong.push(`${path ?? 'it'} is ${seen} and not ${expected}`);
  }
  const more = issues.length - PROBLEMS_TOLD;
  return [
    ...(lacking.length === 0 ? [] : [`it lacks ${lacking.join(', ')}`]),
    ...wrong,
    ...(more > 0 ? [`${more} more`] : []),
  ].join('; ');
}
