/** `events`: what happened, and what happens. */
import type { RecordedEvent } from '../admin-client.ts';
import { readNames, type Names } from '../docker.ts';
import { EXIT } from '../errors.ts';
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
  const { admin, docker, print, now, ended } = around;
  const { since, follow = false, type, all = false, json, format } = options;
  const names = await readNames(docker);
  const fresh = new FreshNames(names, docker, now);
  const network = options.network;
  const wants = (event: RecordedEvent) =>
    (all || type !== undefined || event.type !== 'call.finished') &&
    (network === undefined || isOfNamedNetwork(event, network, names));
  const query = {
    ...(since !== undefined && { since: sinceOf(since, now()) }),
    ...(type !== undefined && { type }),
    ...(follow && { follow: 'true' }),
  };
  const found: RecordedEvent[] = [];
  const signal = ended;
  for await (const event of admin.events(query, { signal })) {
    if (!wants(event)) continue;
    if (!follow) found.push(event);
    else if (json === true || format === 'json') print(JSON.stringify(event));
    else if (format === undefined) print(eventLine(event, await fresh.of(subjectOf(event))));
    else print(printed(eventListing([event], await fresh.of(subjectOf(event))), { format }).text);
  }
  if (follow) return EXIT.ok;
  const { text } = printed(eventListing(found, names), options);
  if (text !== '') print(text);
  return EXIT.ok;
}

function isOfNamedNetwork(event: RecordedEvent, network: string, names: Names): boolean {
  if (!('network' in event) || event.network === undefined) return false;
  return names.network(event.network) === network || event.network.startsWith(network);
}

/** Whose event it is. */
function subjectOf(event: RecordedEvent): Subject | undefined {
  if (!('mac' in event) || event.mac === undefined) return undefined;
  return { mac: event.mac, endpoint: event.endpoint ?? '' };
}
