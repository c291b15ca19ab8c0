/** `events` and `metrics`, of the hub and of an uplink. */
import type { Command } from 'commander';
import type { Recorded } from '../../runtime/history/recorded.ts';
import { localTime, parseDuration, type Terminal } from './words.ts';
import type { ReadTelling } from '../watch/read-telling.ts';

/** What every event has. The rest is up to its type. */
type ToldEvent = Recorded<{
  readonly type: string;
  readonly uplink?: string;
  readonly member?: string;
}>;

export interface TellingCommands<Event> {
  readonly terminal: Pick<Terminal, 'print' | 'now'>;
  readonly read: ReadTelling;
  /** One sentence about an event. */
  readonly sentence: (event: Event) => string;
  readonly types: Readonly<Record<string, string>>;
}

interface Typed {
  readonly since?: string;
  readonly type?: string;
  readonly follow?: true;
  readonly json?: true;
}

export function addTellingCommands<Event>(parent: Command, commands: TellingCommands<Event>): void {
  const { terminal, read, types } = commands;
  const { print } = terminal;
  const longest = Math.max(...Object.keys(types).map((type) => type.length));
  parent
    .command('events')
    .description('Show what happened: joins, silences, changes, and what went wrong')
    .option(
      '--since <WHEN>',
      'a time ago (90s, 30m, 2h, 1d), an ISO time, or the number of an event',
    )
    .option('--type <TYPES>', 'only these types, with commas between them')
    .option('-f, --follow', 'go on with what happens from now on')
    .option('--json', 'print JSON, for programs')
    .action(async ({ since, type, follow, json }: Typed) => {
      const query = new URLSearchParams({
        ...(since !== undefined && { since: sinceOf(since, terminal.now()) }),
        ...(type !== undefined && { type }),
        ...(follow && { follow: 'true' }),
      });
      const all: ToldEvent[] = [];
      for await (const line of read(`/v1/events?${query.toString()}`)) {
        const event = JSON.parse(line) as ToldEvent;
        const told = { ...event, text: textOf(event, commands) };
        if (json === true && follow === true) print(JSON.stringify(told));
        else if (json === true) all.push(told);
        else print(eventLine(told, longest));
      }
      if (json === true && follow !== true) print(JSON.stringify(all, null, 2));
    });
  parent
    .command('metrics')
    .description('Show the metrics, as Prometheus reads them')
    .action(async () => {
      for await (const line of read('/metrics')) print(line);
    });
}

/** A line of a damaged history, or of another version, does not hide the others. */
function textOf<Event>(event: ToldEvent, { sentence }: TellingCommands<Event>): string {
  try {
    return sentence(event as unknown as Event);
  } catch {
    return 'This line of the history is damaged, or of another version; --json shows it.';
  }
}

/** Wide as it is: lines that follow cannot be aligned. */
function eventLine(event: ToldEvent & { readonly text: string }, longest: number): string {
  const { at, type, uplink, member, text } = event;
  const parts = [localTime(at), type.padEnd(longest), uplink ?? member ?? '', text];
  // What another host says of itself must not move the cursor.
  return parts
    .filter((part) => part !== '')
    .join('  ')
    .replace(/\p{Cc}/gu, '?');
}

function sinceOf(text: string, now: number): string {
  if (!/^\d+[smhd]$/.test(text)) return text;
  return new Date(Math.max(0, now - parseDuration(text))).toISOString();
}
