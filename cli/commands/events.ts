/** `events`: what happened, and what happens. */
import type { RecordedEvent } from '../admin-client.ts';
import { readNames, type Names } from '../docker.ts';
import { CommandError, EXIT } from '../errors.ts';
import { eventLine, eventListing } from '../views/event-lines.ts';
import { printed, type OutputOptions } from '../views/format.ts';
import { sinceOf } from '../views/times.ts';
import { FreshNames, type Subject } from './fresh-names.ts';
import type { Exit, Surroundings } from './surroundings.ts';

export interface EventOptions extends OutputOptions {
  readonly since?: string;
  readonly follow?: boolean;
  readonly type?: string;
  readonly network?: string;
  readonly all?: boolean;
}

export async function events(around: Surroundings, options: EventOptions): Promise<Exit> {
  const { admin, docker, print, warn, now, ended } = around;
  const { since, follow = false, type, all = false, json, format } = options;
  const names = await readNames(docker);
  const fresh = new FreshNames(names, docker, now);
  const network = options.network;
  const wants = async (event: RecordedEvent) =>
    (all || type !== undefined || event.type !== 'call.finished') &&
    (network === undefined || isOfNamedNetwork(event, network, await fresh.ofNetwork(event)));
  if (network !== undefined && follow && !names.isNetwork(network)) {
    warn(`there is no network ${network} now; its events are shown when there is one`);
  }
  const query = {
    ...(since !== undefined && { since: sinceOf(since, now()) }),
    ...(type !== undefined && { type }),
    ...(follow && { follow: 'true' }),
  };
  const found: RecordedEvent[] = [];
  let isContinued = false;
  const signal = ended;
  for await (const event of admin.events(query, { signal })) {
    if (!(await wants(event))) continue;
    if (!follow) {
      found.push(event);
      continue;
    }
    const known = await fresh.of(subjectOf(event));
    if (json === true) print(JSON.stringify(event));
    else if (!format) print(eventLine(event, known));
    else print(printed(eventListing([event], known), { format, isContinued }).text);
    isContinued = true;
  }
  if (follow) return EXIT.ok;
  if (network !== undefined && found.length === 0 && !names.isNetwork(network)) {
    throw new CommandError(`there is no network ${network}, and no event of the history is of it`);
  }
  const { text } = printed(eventListing(found, names), options);
  if (text !== '') print(text);
  return EXIT.ok;
}

function isOfNamedNetwork(event: RecordedEvent, network: string, names: Names): boolean {
  return 'network' in event && event.network !== undefined && names.means(network, event.network);
}

/** Whose event it is. */
function subjectOf(event: RecordedEvent): Subject | undefined {
  if (!('mac' in event) || event.mac === undefined) return undefined;
  return { mac: event.mac, endpoint: event.endpoint ?? '' };
}
