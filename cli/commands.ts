/** What each command does. `program.ts` tells which words it takes. */
import { writeFile } from 'node:fs/promises';
import type { AdminClient, LeaseEntry, RecordedEvent } from './admin-client.ts';
import { readNames, type Names, type RunDocker } from './docker.ts';
import { CommandError, EXIT } from './errors.ts';
import { makeReport } from './report.ts';
import { eventLine, eventListing, isAnswerFor } from './views/event-lines.ts';
import { printed, type OutputOptions } from './views/format.ts';
import { leasePage } from './views/lease-page.ts';
import { isAnyLost, leaseListing, summaryOf, type Colors } from './views/lease-rows.ts';
import { networkListing } from './views/network-rows.ts';
import { vlanListing } from './views/vlan-rows.ts';
import { localTime, sinceOf } from './views/times.ts';

export interface Surroundings {
  readonly admin: AdminClient;
  readonly docker: RunDocker;
  readonly colors: Colors;
  /** Writes a line to standard output. */
  readonly print: (text: string) => void;
  /** Writes how far a long command is, if a person sees it. */
  readonly tell: (text: string) => void;
  /** True if a person reads standard output on a terminal. */
  readonly isTerminal: boolean;
  readonly now: () => number;
  /** How long `renew` waits. A server that is there answers within milliseconds. */
  readonly answerWithinMs: number;
  /** Aborted when the person wants no more. */
  readonly ended: AbortSignal;
  readonly version: string;
  readonly kernel: string;
}

type Exit = (typeof EXIT)[keyof typeof EXIT];

/** Each reading is three calls of docker. */
const NAMES_READ_EVERY_MS = 2_000;
const CLEAR_SCREEN = '\u001b[H\u001b[2J';

export async function networks(around: Surroundings, options: OutputOptions): Promise<Exit> {
  const { admin, docker, colors, print } = around;
  const [found, leases, names] = await Promise.all([
    admin.networks(),
    admin.leases(),
    readNames(docker),
  ]);
  const { text } = printed(networkListing(found, leases, names, colors), options);
  if (text !== '') print(text);
  return isAnyLost(leases) ? EXIT.lost : EXIT.ok;
}

export interface ProbeOptions extends OutputOptions {
  readonly parent: string;
  readonly vlans: string;
}

/** Asks the VLANs of a trunk for DHCP servers. Nothing is leased, and no link is made. */
export async function probe(
  { admin, print, tell, ended }: Surroundings,
  { parent, vlans, ...options }: ProbeOptions,
): Promise<Exit> {
  const progress = (asked: number, of: number) =>
    tell(`\r${parent}: ${Math.floor((100 * asked) / of)} % asked`);
  const answers = await admin.probe({ parent, vlans }, progress, ended);
  tell('\r\u001b[K');
  const { text, isUsual } = printed(vlanListing(answers), options);
  if (answers.length > 0 || !isUsual) print(text);
  if (answers.length > 0) return EXIT.ok;
  if (isUsual) print(`no DHCP server answers on VLAN ${vlans} of ${parent}`);
  return EXIT.lost;
}

export async function leases(
  around: Surroundings,
  options: OutputOptions & { readonly network?: string; readonly watch?: boolean },
): Promise<Exit> {
  if (options.watch !== true) return showLeases(around, options);
  const { admin, ended } = around;
  let listedAt = around.now();
  let exit = await showLeases(around, options);
  const query = { follow: 'true', since: new Date(listedAt).toISOString() };
  for await (const { type, at } of admin.events(query, { signal: ended })) {
    // Of many events at once, the list after the first has them all.
    const isOld = Date.parse(at) < listedAt;
    if (isOld || type === 'call.finished' || type === 'trouble') continue;
    listedAt = around.now();
    exit = await showLeases(around, options);
  }
  return exit;
}

async function showLeases(
  { admin, docker, colors, print, now, isTerminal }: Surroundings,
  options: OutputOptions & { readonly network?: string; readonly watch?: boolean },
): Promise<Exit> {
  const [all, names] = await Promise.all([admin.leases(), readNames(docker)]);
  const { network } = options;
  const shown = network === undefined ? all : all.filter((lease) => isOn(network, lease, names));
  if (network !== undefined && shown.length === 0 && !names.isNetwork(network)) {
    const known = [...new Set(all.map((lease) => names.network(lease.network, lease)))];
    const others =
      known.length === 0 ? 'no network has leases' : `leases are on ${known.join(', ')}`;
    throw new CommandError(`there is no network ${network}; ${others}`);
  }
  const { text, isUsual } = printed(leaseListing(shown, names, now(), colors), options);
  if (options.watch === true && isTerminal) print(CLEAR_SCREEN);
  if (isUsual) print(`${text}\n\n${summaryOf(shown)}`);
  else if (text !== '') print(text);
  return isAnyLost(shown) ? EXIT.lost : EXIT.ok;
}

function isOn(network: string, lease: LeaseEntry, names: Names): boolean {
  return names.network(lease.network, lease) === network || lease.network.startsWith(network);
}

export async function lease(
  { admin, docker, print, now }: Surroundings,
  words: string,
  { json }: OutputOptions,
): Promise<Exit> {
  const names = await readNames(docker);
  const { leases: found, history } = await findLease(admin, names, words);
  if (json === true) print(JSON.stringify({ leases: found, history }, null, 2));
  else print(leasePage(words, found, history, { names, now: now() }));
  return isAnyLost(found) ? EXIT.lost : EXIT.ok;
}

/** @param words an address, a MAC, or a container: its name, its id, or its endpoint's id. */
async function findLease(
  admin: AdminClient,
  names: Names,
  words: string,
): Promise<{ leases: readonly LeaseEntry[]; history: readonly RecordedEvent[] }> {
  const macs = names.macsOf(words);
  if (macs.length === 0) return admin.lease(words);
  const all = await Promise.all(macs.map((mac) => admin.lease(mac).catch(() => undefined)));
  const found = all.filter((one) => one !== undefined);
  if (found.length === 0) {
    throw new CommandError(`the container ${words} has no lease of vlandhcp`);
  }
  return {
    leases: found.flatMap((one) => one.leases),
    history: found.flatMap((one) => one.history),
  };
}

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
    else if (format === undefined) print(eventLine(event, await fresh.of(event)));
    else print(printed(eventListing([event], await fresh.of(event)), { format }).text);
  }
  if (follow) return EXIT.ok;
  const { text } = printed(eventListing(found, names), options);
  if (text !== '') print(text);
  return EXIT.ok;
}

/** While events are followed, containers come that Docker did not know at the beginning. */
class FreshNames {
  readonly #docker: RunDocker;
  readonly #now: () => number;
  #names: Names;
  #readAt: number;

  constructor(names: Names, docker: RunDocker, now: () => number) {
    this.#names = names;
    this.#docker = docker;
    this.#now = now;
    this.#readAt = now();
  }

  /** Asks Docker again if the event is of a container without a name, and not too often. */
  async of(event: RecordedEvent): Promise<Names> {
    if (!('mac' in event) || event.mac === undefined) return this.#names;
    const { mac, endpoint = '' } = event;
    const isKnown = this.#names.container({ mac, endpoint }) !== undefined;
    if (isKnown || this.#now() - this.#readAt < NAMES_READ_EVERY_MS) return this.#names;
    this.#readAt = this.#now();
    this.#names = await readNames(this.#docker);
    return this.#names;
  }
}

function isOfNamedNetwork(event: RecordedEvent, network: string, names: Names): boolean {
  if (!('network' in event) || event.network === undefined) return false;
  return names.network(event.network) === network || event.network.startsWith(network);
}

/** Asks for the renewal, and waits for what comes of it. */
export async function renew(around: Surroundings, words: string): Promise<Exit> {
  const { admin, docker, print, now, ended, answerWithinMs } = around;
  const wanted = await oneLease(admin, await readNames(docker), words);
  const query = { follow: 'true', since: new Date(now()).toISOString() };
  const enough = new AbortController();
  const stop = () => enough.abort();
  // Not AbortSignal.timeout: Node may collect one that only AbortSignal.any listens to.
  const timer = setTimeout(stop, answerWithinMs);
  ended.addEventListener('abort', stop);
  let refused: Error | undefined;
  // The stream is open before the request is sent, so that no answer is missed.
  const opened = () => {
    admin.act('renew', wanted.mac).catch((error: Error) => {
      refused = error;
      stop();
    });
  };
  const told = admin.events(query, { signal: enough.signal, opened });
  const event = await firstOf(told, (one) => isAnswerFor(wanted, one));
  clearTimeout(timer);
  if (refused !== undefined) throw refused;
  const address = wanted.address?.split('/')[0] ?? wanted.mac;
  const asked = wanted.server ?? 'its server';
  if (event === undefined) {
    print(`${address} is not renewed: ${asked} did not answer within ${answerWithinMs / 1000} s; the lease goes on, and the plugin goes on asking`); // prettier-ignore
    return EXIT.lost;
  }
  if (event.type !== 'lease.renewed' && event.type !== 'lease.changed') {
    print(`${address} is not renewed: ${asked} refused, and the container asks for another address`); // prettier-ignore
    return EXIT.lost;
  }
  const [after = wanted] = (await admin.lease(wanted.mac)).leases;
  const until = after.expiresAt === undefined ? '' : ` until ${localTime(after.expiresAt)}`;
  print(`${after.address ?? address} is renewed${until} by ${after.server ?? asked}`);
  return EXIT.ok;
}

async function firstOf(
  told: AsyncGenerator<RecordedEvent>,
  isWanted: (event: RecordedEvent) => boolean,
): Promise<RecordedEvent | undefined> {
  for await (const event of told) if (isWanted(event)) return event;
  return undefined;
}

export async function release(
  { admin, docker, print }: Surroundings,
  words: string,
): Promise<Exit> {
  const wanted = await oneLease(admin, await readNames(docker), words);
  await admin.act('release', wanted.mac);
  print(
    `${wanted.address ?? wanted.ipv6?.address ?? wanted.mac} is given back to ${wanted.server ?? 'its server'}`,
  );
  return EXIT.ok;
}

async function oneLease(admin: AdminClient, names: Names, words: string): Promise<LeaseEntry> {
  const { leases: found } = await findLease(admin, names, words);
  const [first, ...others] = found;
  if (first === undefined) throw new CommandError(`nobody has ${words} now`);
  if (others.length === 0) return first;
  const macs = found.map(({ mac }) => mac).join(', ');
  throw new CommandError(`more than one lease is of ${words}; name one by its MAC: ${macs}`);
}

export async function report(around: Surroundings, file: string | undefined): Promise<Exit> {
  const { admin, docker, print, now, version, kernel } = around;
  const made = await makeReport(admin, docker, { version, kernel, now: now() });
  const text = JSON.stringify(made, null, 2);
  if (file === '-') {
    print(text);
    return EXIT.ok;
  }
  const path = file ?? `vlandhcp-report-${localTime(new Date(now()).toISOString()).replace(/\D/g, '')}.json`; // prettier-ignore
  try {
    await writeFile(path, `${text}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    throw new CommandError(`the report was not written: ${(error as Error).message}`);
  }
  print(`${path} is written: names, addresses and ids are replaced; look at it before you send it`);
  return EXIT.ok;
}
