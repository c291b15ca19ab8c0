/**
 * Decides which messages of servers count (RFC 9915 §16, §18.2.9, §18.2.10). Every other message is
 * ignored with a reason.
 */
import { isHostAddress6 } from '../../vocabulary/ipv6/addressing.ts';
import type { Duid } from '../../vocabulary/ipv6/duid.ts';
import type { Lease6, LeasedAddress } from '../../vocabulary/ipv6/lease6.ts';
import { secondsToMs, type Instant, type Ms } from '../../vocabulary/time.ts';
import type { Ipv6 } from '../../wire/address6.ts';
import { areTimesOutOfOrder, renewalTimesOf } from '../lease-times.ts';
import type { Dhcp6Message, MessageType } from '../message.ts';
import { optionOf, type IaAddress, type IaNa } from '../options.ts';
import { maxRtOf } from '../retransmit.ts';
import type { DeclinedAddress, Env, IgnoreReason, Memory, RankedOffer } from './client-types.ts';

/** RFC 9915 §21.13. */
export const STATUS = { success: 0, unspecFail: 1, noAddrsAvail: 2, noBinding: 3, notOnLink: 4 };

/** A shorter lease leaves no time for a second message if the first is lost. */
const LEAST_LEASE: Ms = 5_000;
/** A lease has no more addresses than this, whatever a server sends. */
const MOST_ADDRESSES = 8;
/** No more DNS servers or search names are taken from one message. */
const MOST_NAMED = 64;
/** For this long after a DECLINE an offer of the address is ignored. */
const DECLINED_ADDRESS_SHELVED: Ms = 20_000;

export interface Ignored {
  readonly type: 'ignored';
  readonly reason: IgnoreReason;
}

export interface Refusal {
  readonly type: 'refusal';
  readonly serverId: Duid;
  readonly status: number;
  readonly text: string;
}

export interface Grant {
  readonly type: 'grant';
  /** Only what this REPLY grants. */
  readonly lease: Lease6;
  /** Addresses with lifetime 0: the server takes them back (§18.2.10.1). */
  readonly withdrawn: readonly Ipv6[];
}

/** Every address of the IA is taken back. */
export interface Withdrawal {
  readonly type: 'withdrawal';
  readonly serverId: Duid;
  readonly withdrawn: readonly Ipv6[];
}

/** Offered and requested addresses must not be these for a while: another host has them. */
export function isShelved(
  address: Ipv6,
  declined: readonly DeclinedAddress[],
  now: Instant,
): boolean {
  return declined.some(
    (entry) => entry.address === address && now < entry.declinedAt + DECLINED_ADDRESS_SHELVED,
  );
}

/** Checks what each message of a server must have (§16.3, §16.10). */
export function readSender(
  message: Dhcp6Message,
  env: Env,
  xid: number,
  types: readonly MessageType[],
): { readonly type: 'from'; readonly serverId: Duid } | Ignored {
  const early = notForUs(message, env);
  if (early !== undefined) return ignored(early);
  if (message.xid !== xid) return ignored('xid-mismatch');
  if (!types.includes(message.type)) return ignored('unexpected-in-state');
  const serverId = optionOf(message.options, 'server-id')?.duid;
  if (serverId === undefined) return ignored('no-server-id');
  const { allowedServers } = env.config;
  if (allowedServers.length > 0 && !allowedServers.includes(serverId)) {
    return ignored('server-not-allowed');
  }
  return { type: 'from', serverId };
}

/** Why a message is ignored while no reply is expected. */
export function reasonToIgnore(message: Dhcp6Message, env: Env): IgnoreReason {
  return notForUs(message, env) ?? 'unexpected-in-state';
}

function notForUs(message: Dhcp6Message, env: Env): IgnoreReason | undefined {
  if (message.type !== 'ADVERTISE' && message.type !== 'REPLY') return 'not-a-reply';
  const isOurs = optionOf(message.options, 'client-id')?.duid === env.config.duid;
  return isOurs ? undefined : 'client-id-mismatch';
}

/** SOL_MAX_RT counts also in an ADVERTISE without addresses (§18.2.9). */
export function heedMaxRt(memory: Memory, message: Dhcp6Message): Memory {
  const told = optionOf(message.options, 'sol-max-rt');
  const solMaxRt = told && maxRtOf(told.value);
  return solMaxRt === undefined ? memory : { ...memory, solMaxRt };
}

/**
 * An ADVERTISE with an address. If it has several, one is chosen: the one of before, or the first.
 */
export function readOffer(
  message: Dhcp6Message,
  serverId: Duid,
  memory: Memory,
  env: Env,
): RankedOffer | Refusal | Ignored {
  const ia = iaOf(message, env);
  const refusal = refusalIn(message.options, serverId) ?? refusalIn(ia?.options ?? [], serverId);
  if (refusal !== undefined) return refusal;
  if (ia === undefined) return ignored('no-ia');
  if (areTimesOutOfOrder(ia)) return ignored('times-out-of-order');
  const all = addressesOf(ia);
  if (all.length === 0) return ignored('no-addresses');
  const usable = all.filter(
    (each) => isUsable(each) && secondsToMs(each.validLifetime) >= LEAST_LEASE,
  );
  if (usable.length === 0) return ignored('no-usable-address');
  const fitting = usable.filter(({ address }) => isWanted(address, env));
  if (fitting.length === 0) return ignored('other-address');
  const free = fitting.filter(({ address }) => !isShelved(address, memory.declined, env.now));
  const wished = env.config.wishedAddress ?? memory.wished;
  const chosen = free.find(({ address }) => address === wished) ?? free[0];
  if (chosen === undefined) return ignored('address-declined');
  return {
    serverId,
    addresses: [chosen.address],
    preference: optionOf(message.options, 'preference')?.value ?? 0,
    isWished: chosen.address === wished,
  };
}

/**
 * The answer to a REQUEST, RENEW or REBIND, or a REPLY to a SOLICIT. The status is looked for in
 * the message, the IA and the address.
 * @param expected.isInUse the lease is in use, so it is kept however short it has become.
 */
export function readGrant(
  message: Dhcp6Message,
  serverId: Duid,
  env: Env,
  expected: { readonly requestedAt: Instant; readonly isInUse: boolean },
): Grant | Withdrawal | Refusal | Ignored {
  const ia = iaOf(message, env);
  const refusal = refusalIn(message.options, serverId) ?? refusalIn(ia?.options ?? [], serverId);
  if (refusal !== undefined) return refusal;
  if (ia === undefined) return ignored('no-ia');
  if (areTimesOutOfOrder(ia)) return ignored('times-out-of-order');
  const all = addressesOf(ia);
  const kept = all.filter((each) => isUsable(each) && !isRefused(each.options));
  const withdrawn = all
    .filter(({ validLifetime }) => validLifetime === 0)
    .map(({ address }) => address);
  if (kept.length === 0) {
    if (withdrawn.length > 0) return { type: 'withdrawal', serverId, withdrawn };
    const ofAddress = all.map(({ options }) => refusalIn(options, serverId)).find(Boolean);
    return ofAddress ?? ignored(all.length === 0 ? 'no-addresses' : 'no-usable-address');
  }
  const { requestedAt, isInUse } = expected;
  const least = isInUse ? 0 : LEAST_LEASE;
  const long = kept.filter(({ validLifetime }) => secondsToMs(validLifetime) >= least);
  if (long.length === 0) return ignored('no-usable-address');
  const wanted = long.filter(({ address }) => isWanted(address, env));
  if (wanted.length === 0) return ignored('other-address');
  const granted = wanted.filter((each) => requestedAt + secondsToMs(each.validLifetime) > env.now);
  if (granted.length === 0) return ignored('already-expired');
  const lifetimes = granted.map((each) => ({
    preferred: secondsToMs(each.preferredLifetime),
    valid: secondsToMs(each.validLifetime),
  }));
  const { t1, t2 } = renewalTimesOf(ia, lifetimes);
  const addresses = granted.map(({ address }, index): LeasedAddress => ({
    address,
    preferredUntil: requestedAt + lifetimes[index]!.preferred,
    validUntil: requestedAt + lifetimes[index]!.valid,
  }));
  const lease: Lease6 = {
    addresses,
    serverId,
    dnsServers: (optionOf(message.options, 'dns-servers')?.servers ?? []).slice(0, MOST_NAMED),
    domainSearch: (optionOf(message.options, 'domain-list')?.names ?? []).slice(0, MOST_NAMED),
    requestedAt,
    t1At: requestedAt + t1,
    t2At: requestedAt + t2,
  };
  return { type: 'grant', lease, withdrawn };
}

/**
 * The lease after a REPLY that extends it. What the REPLY does not name stays as it was
 * (§18.2.10.1).
 */
export function mergeLease(before: Lease6, { lease, withdrawn }: Grant): Lease6 {
  const named = new Set([...withdrawn, ...lease.addresses.map(({ address }) => address)]);
  const untouched = before.addresses.filter(({ address }) => !named.has(address));
  return { ...lease, addresses: [...lease.addresses, ...untouched].slice(0, MOST_ADDRESSES) };
}

/** The status of a REPLY to a CONFIRM; absent means success (§21.13). */
export function readStatus(message: Dhcp6Message, serverId: Duid, env: Env): Refusal | undefined {
  return (
    refusalIn(message.options, serverId) ?? refusalIn(iaOf(message, env)?.options ?? [], serverId)
  );
}

/** As with `ip=` of IPv4: a person who types an address wants no other. */
function isWanted(address: Ipv6, { config }: Env): boolean {
  return (config.wishedAddress ?? address) === address;
}

function iaOf(message: Dhcp6Message, env: Env): IaNa | undefined {
  return message.options.find(
    (option): option is IaNa => option.type === 'ia-na' && option.iaid === env.config.iaid,
  );
}

/** Each address once. */
function addressesOf(ia: IaNa): readonly IaAddress[] {
  const all = ia.options.filter((option): option is IaAddress => option.type === 'ia-address');
  return all
    .filter((each, index) => all.findIndex(({ address }) => address === each.address) === index)
    .slice(0, MOST_ADDRESSES);
}

/** RFC 9915 §21.6: an address whose preferred lifetime is longer than its valid one is ignored. */
function isUsable({ address, preferredLifetime, validLifetime }: IaAddress): boolean {
  return isHostAddress6(address) && validLifetime > 0 && preferredLifetime <= validLifetime;
}

function isRefused(options: IaNa['options']): boolean {
  return (optionOf(options, 'status')?.status ?? STATUS.success) !== STATUS.success;
}

function refusalIn(options: IaNa['options'], serverId: Duid): Refusal | undefined {
  const found = optionOf(options, 'status');
  if (found === undefined || found.status === STATUS.success) return undefined;
  return { type: 'refusal', serverId, status: found.status, text: found.text };
}

function ignored(reason: IgnoreReason): Ignored {
  return { type: 'ignored', reason };
}
