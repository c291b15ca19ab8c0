/**
 * The routers of one segment, as their advertisements told them (RFC 4861 §6.3.4).
 *
 * A router may spread its prefixes over several RAs (§6.2.3). So the newest RA of each router is
 * kept whole, and from older ones the prefixes that it does not repeat. The table is a value: a
 * function takes one and gives the next.
 */
import type { Instant, Ms } from '../vocabulary/time.ts';
import { secondsToMs } from '../vocabulary/time.ts';
import type { Mac } from '../wire/address.ts';
import { formatSubnet6, type Ipv6 } from '../wire/address6.ts';
import type { NdpFrame } from './frame.ts';
import type { RouterAdvertisement } from './message.ts';
import { INFINITE_LIFETIME, type NdpOption, type PrefixOption } from './options.ts';

export interface HeardPrefix {
  readonly option: PrefixOption;
  readonly heardAt: Instant;
}

export interface Router {
  /** Its link-local address. */
  readonly address: Ipv6;
  /** The MAC that sent the newest RA. */
  readonly mac: Mac;
  /** The newest RA. Its lifetimes count from `heardAt`. */
  readonly advertisement: RouterAdvertisement;
  readonly heardAt: Instant;
  /** True if it has been a default router. */
  readonly wasDefault: boolean;
  /** Prefixes of older RAs that the newest does not have. */
  readonly older: readonly HeardPrefix[];
}

/** At most MOST_ROUTERS, in the order in which they were first heard. */
export type RouterTable = readonly Router[];

export const NO_ROUTERS: RouterTable = [];

/** Real segments have one to three. The bounds keep a flood of forged RAs from filling memory. */
export const MOST_ROUTERS = 8;
/** For each router. Linux takes 16 addresses for each link (`max_addresses`). */
export const MOST_PREFIXES = 16;

/** RFC 4861 §6.2.1: a router speaks at least this often. Longer silence of one that offers nothing
 * means that it has gone. */
const MAX_RTR_ADV_INTERVAL: Ms = 1_800_000;

/**
 * @returns `isRefused`: true if the table is full of routers that offer something. The RA of a
 * router that is new then is dropped: routers that were here first stay.
 */
export function hearRouter(
  before: RouterTable,
  frame: NdpFrame<RouterAdvertisement>,
  now: Instant,
): { readonly table: RouterTable; readonly isRefused: boolean } {
  const table = forgetRouters(before, now);
  const known = table.find(({ address }) => address === frame.source);
  const router = routerOf(frame, known, now);
  if (known !== undefined) {
    return { table: table.map((one) => (one === known ? router : one)), isRefused: false };
  }
  if (table.length < MOST_ROUTERS) return { table: [...table, router], isRefused: false };
  const idle = table.find((one) => mayMakeRoom(one, router, now));
  if (idle === undefined || aliveUntil(router) <= now) return { table, isRefused: true };
  return { table: [...table.filter((one) => one !== idle), router], isRefused: false };
}

/**
 * True for a router that offers nothing, or that has been silent for longer than a router may be,
 * and for one that leads nowhere if the new one does.
 */
function mayMakeRoom(one: Router, router: Router, now: Instant): boolean {
  const isSilent = one.heardAt + MAX_RTR_ADV_INTERVAL <= now;
  const leadsNowhere = routerUntil(one) <= now && routerUntil(router) > now;
  return aliveUntil(one) <= now || isSilent || leadsNowhere;
}

function routerOf(
  { source, sourceMac, message }: NdpFrame<RouterAdvertisement>,
  known: Router | undefined,
  now: Instant,
): Router {
  const options = boundPrefixes(message.options);
  const told = options.filter((option) => option.type === 'prefix');
  const repeated = new Set(told.map(({ subnet }) => formatSubnet6(subnet)));
  const older = (known === undefined ? [] : prefixesOf(known))
    .filter(({ option }) => !repeated.has(formatSubnet6(option.subnet)))
    .filter((prefix) => validUntil(prefix) > now)
    .slice(0, MOST_PREFIXES - told.length);
  const advertisement = { ...message, options };
  const wasDefault = known?.wasDefault === true || message.routerLifetime > 0;
  return { address: source, mac: sourceMac, advertisement, heardAt: now, wasDefault, older };
}

/** Without the prefixes after the first MOST_PREFIXES, and without a second of the same prefix. */
function boundPrefixes(options: readonly NdpOption[]): readonly NdpOption[] {
  const seen = new Set<string>();
  return options.filter((option) => {
    if (option.type !== 'prefix') return true;
    const name = formatSubnet6(option.subnet);
    if (seen.has(name) || seen.size >= MOST_PREFIXES) return false;
    seen.add(name);
    return true;
  });
}

/** The prefixes of a router, those of its newest RA first. Some may have expired. */
export function prefixesOf({ advertisement, heardAt, older }: Router): readonly HeardPrefix[] {
  const told = advertisement.options.filter((option) => option.type === 'prefix');
  return [...told.map((option) => ({ option, heardAt })), ...older];
}

/** The routers that a host may send through at `now`, in the order of the table. */
export function defaultRouters(table: RouterTable, now: Instant): readonly Router[] {
  return table.filter((router) => routerUntil(router) > now);
}

/**
 * The routers whose flags count. A router that never leads elsewhere may tell of servers. One that
 * did lead elsewhere and has stopped is going away, and its servers with it.
 */
export function speakingRouters(table: RouterTable, now: Instant): readonly Router[] {
  return table.filter((router) => !router.wasDefault || routerUntil(router) > now);
}

/** The table without what has expired. It is the same value if nothing has. */
export function forgetRouters(table: RouterTable, now: Instant): RouterTable {
  if (now < nextRouterDeadline(table)) return table;
  return table
    .filter((router) => keptUntil(router) > now)
    .map((router) => ({
      ...router,
      older: router.older.filter((prefix) => validUntil(prefix) > now),
    }));
}

/** When `forgetRouters` has something to do; Infinity if never. */
export function nextRouterDeadline(table: RouterTable): Instant {
  return Math.min(
    ...table.flatMap((router) => [keptUntil(router), ...router.older.map(validUntil)]),
    Infinity,
  );
}

/**
 * What is left of a lifetime, in whole seconds. A started second does not count, so that nobody
 * promises more than the router did. An infinite lifetime stays infinite.
 */
export function remainingSeconds(lifetime: number, heardAt: Instant, now: Instant): number {
  if (lifetime === INFINITE_LIFETIME) return lifetime;
  return Math.max(0, lifetime - Math.ceil((now - heardAt) / 1000));
}

function validUntil({ option, heardAt }: HeardPrefix): Instant {
  return heardAt + secondsToMs(option.validLifetime);
}

function routerUntil({ advertisement, heardAt }: Router): Instant {
  return heardAt + secondsToMs(advertisement.routerLifetime);
}

/** Until when the router offers a route or a prefix. */
function aliveUntil(router: Router): Instant {
  return Math.max(routerUntil(router), ...prefixesOf(router).map(validUntil));
}

/** One that offers nothing is kept for a while: `status` says so. */
function keptUntil(router: Router): Instant {
  return Math.max(aliveUntil(router), router.heardAt + MAX_RTR_ADV_INTERVAL);
}
