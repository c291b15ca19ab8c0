/** `networks`, `leases` and `lease`: who has which address. */
import { readNames } from '../docker.ts';
import { CommandError, EXIT } from '../errors.ts';
import { printed, type OutputOptions } from '../views/format.ts';
import { leasePage } from '../views/lease-page.ts';
import { isAnyLost, leaseListing, summaryOf } from '../views/lease-rows.ts';
import { networkListing } from '../views/network-rows.ts';
import type { ServerKind } from '../views/reservations.ts';
import { findLease } from './find-lease.ts';
import { reserve } from './reserve.ts';
import type { Exit, Surroundings } from './surroundings.ts';
import { until } from './until.ts';

export interface LeaseOptions extends OutputOptions {
  readonly network?: string;
  readonly watch?: boolean;
  readonly reserve?: ServerKind;
}

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

export async function leases(around: Surroundings, options: LeaseOptions): Promise<Exit> {
  if (options.watch !== true) return showLeases(around, options);
  return watchLeases(around, options);
}

/** Of many events at once, the list after the last one has them all. No clock is asked. */
async function watchLeases(around: Surroundings, options: LeaseOptions): Promise<Exit> {
  const { admin, ended } = around;
  const { signal, stop, done } = until(ended, undefined);
  let exit: Exit = EXIT.ok;
  let failure: Error | undefined;
  let isDue = false;
  let listing: Promise<void> | undefined;
  const list = async (): Promise<void> => {
    try {
      for (; isDue && !signal.aborted;) {
        isDue = false;
        exit = await showLeases(around, options);
      }
    } catch (error) {
      failure = error as Error;
      stop();
    } finally {
      listing = undefined;
    }
  };
  const ask = (): void => {
    isDue = true;
    listing ??= list();
  };
  for await (const { type } of admin.events(
    { follow: 'true', since: 'now' },
    { signal, opened: ask },
  )) {
    // prettier-ignore
    if (type !== 'call.finished' && type !== 'trouble') ask();
  }
  await listing;
  done();
  if (failure !== undefined) throw failure;
  return exit;
}

async function showLeases(around: Surroundings, options: LeaseOptions): Promise<Exit> {
  const { admin, docker, colors, print, now, isTerminal } = around;
  const [all, names] = await Promise.all([admin.leases(), readNames(docker)]);
  const { network, reserve: kind } = options;
  const shown =
    network === undefined ? all : all.filter((lease) => names.means(network, lease.network, lease));
  if (network !== undefined && shown.length === 0 && !names.isNetwork(network)) {
    const known = [...new Set(all.map((lease) => names.network(lease.network, lease)))];
    const others =
      known.length === 0 ? 'no network has leases' : `leases are on ${known.join(', ')}`;
    throw new CommandError(`there is no network ${network}; ${others}`);
  }
  if (kind !== undefined) {
    return reserve(around, shown, { kind, names, what: network ?? 'this host' });
  }
  const { text, isUsual } = printed(leaseListing(shown, names, now(), colors), options);
  if (options.watch === true && isTerminal) print(CLEAR_SCREEN);
  if (isUsual) print(`${text}\n\n${summaryOf(shown)}`);
  else if (text !== '') print(text);
  return isAnyLost(shown) ? EXIT.lost : EXIT.ok;
}

export async function lease(
  around: Surroundings,
  words: string,
  { json, reserve: kind }: Pick<LeaseOptions, 'json' | 'reserve'>,
): Promise<Exit> {
  const { admin, docker, print, now } = around;
  const names = await readNames(docker);
  const { leases: found, history } = await findLease(admin, names, words);
  if (kind !== undefined) return reserve(around, found, { kind, names, what: words });
  if (json === true) print(JSON.stringify({ leases: found, history }, null, 2));
  else print(leasePage(words, found, history, { names, now: now() }));
  return isAnyLost(found) ? EXIT.lost : EXIT.ok;
}
