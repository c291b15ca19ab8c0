/** A frame of a trace as a line for a person. */
import type { TracedFrame } from '../admin-client.ts';
import type { Colors } from './lease-rows.ts';
import { clean } from './table.ts';
import { localTime } from './times.ts';

const WIDTH_OF_NAME = 14;
const WIDTH_OF_TYPE = 20;

/** @param name of the container. Undefined for what a router tells all. */
export function traceLine(frame: TracedFrame, name: string | undefined, colors: Colors): string {
  const { at, direction, protocol, type, text, ignored, failed } = frame;
  const time = `${localTime(at).slice(11)}.${at.slice(-4, -1)}`;
  const who = clean(name ?? 'all').padEnd(WIDTH_OF_NAME);
  const what = `${protocol} ${type}`.padEnd(WIDTH_OF_TYPE);
  const line = `${time}  ${who}  ${direction.padEnd(5)}  ${clean(`${what}  ${text}`)}`.trimEnd();
  if (failed !== undefined) return colors.red(`${line}; not sent: ${clean(failed)}`);
  return ignored === undefined ? line : colors.yellow(`${line}; ignored: ${clean(ignored)}`);
}
