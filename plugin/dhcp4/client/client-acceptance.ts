/**
 * Decides which replies count (RFC 2131 Table 3 and §4.4, RFC 6842). Every other reply is ignored
 * with a reason, because a broadcast medium carries other clients' traffic, and servers may
 * disagree.
 */
import type { Instant, Ms } from '../../vocabulary/time.ts';
import type { AddressBounds, Lease, LeaseTerms } from '../../vocabulary/lease.ts';
import { isUnicastIpv4 } from '../../wire/address.ts';
import type { Ipv4 } from '../../wire/address.ts';
import { subnetHas } from '../../wire/subnet.ts';
import type { DeclinedAddress, Env, IgnoreReason, MessageEvent } from './client-types.ts';
import { canHaveGateway, leaseTermsOf, placeInSubnet, subnetWidthOf } from '../lease-terms.ts';
import { LEAST_LEASE, leaseTimesOf } from '../lease-times.ts';
import { BOOTREPLY } from '../message.ts';
import type { Dhcp4Message } from '../message.ts';
import { durationOf, ipv4Of, messageTypeOf, OPTION, textOf } from '../options.ts';
import type { MessageType } from '../options.ts';

export interface Ignored {
  readonly type: 'ignored';
  readonly reason: IgnoreReason;
}

export interface Offer {
  readonly type: 'OFFER';
  readonly serverId: Ipv4;
  readonly address: Ipv4;
}

export interface Ack {
  readonly type: 'ACK';
  readonly lease: Lease;
  /** See leaseTermsOf. */
  readonly dropped: readonly string[];
}

export interface Nak {
  readonly type: 'NAK';
  readonly serverId: Ipv4;
  readonly text: string | undefined;
}

/**
 * dnsmasq and others offer a declined address again at once. For the 10 s of silence (RFC 2131 §3.1
 * step 5) and 10 s more such an offer is ignored, and any other offer is preferred. With the
 * resends of DISCOVER that is 30 s. After that the address is taken and probed: a client with a
 * reservation gets no other address, and the other host may be gone.
 */
const DECLINED_ADDRESS_SHELVED: Ms = 20_000;

/**
 * True if the address is not requested and not accepted now: another host answered for it, and the
 * server was told.
 */
export function isShelved(
  address: Ipv4 | undefined,
  declined: readonly DeclinedAddress[],
  now: Instant,
): boolean {
  return declined.some(
    (entry) => entry.address === address && now < entry.declinedAt + DECLINED_ADDRESS_SHELVED,
  );
}

/**
 * The first acceptable OFFER is taken, so this compares no offers. Option 51 may be missing in it,
 * because the ACK decides.
 */
export function readOffer(
  event: MessageEvent,
  env: Env,
  expected: { readonly xid: number; readonly declined: readonly DeclinedAddress[] },
): Offer | Ignored {
  const { message } = event;
  const reply = readReply(event, env, expected.xid, ['OFFER']);
  if (reply.type === 'ignored') return reply;
  const duration = durationOf(message.options, OPTION.LEASE_TIME);
  const reason =
    addressProblem(message, env, reply.serverId) ??
    gatewayProblem(message, env) ??
    (duration === undefined ? undefined : durationProblem(duration));
  if (reason !== undefined) return ignored(reason);
  const address = message.yiaddr;
  return isShelved(address, expected.declined, env.now)
    ? ignored('address-declined')
    : { type: 'OFFER', serverId: reply.serverId, address };
}

/**
 * Reads the answer to a REQUEST.
 * @param expected.requestedAt when the first REQUEST of the exchange was sent.
 * @param expected.ackServer the only server that may acknowledge. Undefined means any server.
 * @param expected.nakServer the only server that may refuse. If a VLAN has two servers, one refuses
 * the other's leases (udhcpd does). Undefined means any server.
 */
export function readAnswer(
  event: MessageEvent,
  env: Env,
  expected: {
    readonly xid: number;
    readonly requestedAt: Instant;
    readonly ackServer: Ipv4 | undefined;
    readonly nakServer: Ipv4 | undefined;
    /** The lease is in use. It is kept, however short it has become. */
    readonly isInUse: boolean;
  },
): Ack | Nak | Ignored {
  const { message } = event;
  const reply = readReply(event, env, expected.xid, ['ACK', 'NAK']);
  if (reply.type === 'ignored') return reply;
  const { serverId } = reply;
  const onlyServer = reply.type === 'NAK' ? expected.nakServer : expected.ackServer;
  if (onlyServer !== undefined && serverId !== onlyServer) return ignored('server-mismatch');
  if (reply.type === 'NAK') {
    return { type: 'NAK', serverId, text: refusalText(message) };
  }
  return readLease(event, env, { ...expected, serverId });
}

/** It is logged, kept in the history, and printed by `docker run`. */
const LONGEST_TEXT = 255;

function refusalText({ options }: Dhcp4Message): string | undefined {
  return textOf(options, OPTION.MESSAGE)?.slice(0, LONGEST_TEXT);
}

export function isAck(message: Dhcp4Message): boolean {
  return messageTypeOf(message.options) === 'ACK';
}

/** An ACK to a DISCOVER counts only with option 80 (RFC 4039 §3.1). */
export function readRapidAck(
  event: MessageEvent,
  env: Env,
  expected: { readonly xid: number; readonly requestedAt: Instant },
): Ack | Ignored {
  const reply = readReply(event, env, expected.xid, ['ACK']);
  if (reply.type === 'ignored') return reply;
  if (!event.message.options.has(OPTION.RAPID_COMMIT)) return ignored('no-rapid-commit');
  return readLease(event, env, { ...expected, serverId: reply.serverId, isInUse: false });
}

function readLease(
  { message, sourceMac }: MessageEvent,
  env: Env,
  {
    serverId,
    requestedAt,
    isInUse,
  }: { readonly serverId: Ipv4; readonly requestedAt: Instant; readonly isInUse: boolean },
): Ack | Ignored {
  const reason = addressProblem(message, env, serverId) ?? gatewayProblem(message, env, isInUse);
  if (reason !== undefined) return ignored(reason);
  const duration = durationOf(message.options, OPTION.LEASE_TIME);
  if (duration === undefined) {
    return ignored(isDamaged(message, OPTION.LEASE_TIME) ? 'bad-lease-time' : 'no-lease-time');
  }
  const tooShort = durationProblem(duration);
  if (tooShort === 'bad-lease-time' || (tooShort !== undefined && !isInUse)) {
    return ignored(tooShort);
  }
  const times = leaseTimesOf(message.options, duration, requestedAt, env.random);
  if (times.expiresAt <= env.now) return ignored('already-expired');
  const dropped: string[] = [];
  const { wishes, alsoAsked } = env.config;
  const terms = leaseTermsOf(message, serverId, sourceMac, dropped, { ...wishes, alsoAsked });
  if (!canHaveGateway(message, wishes)) dropped.push(strayGateway(message, terms));
  return { type: 'ACK', lease: { ...terms, ...times }, dropped };
}

function durationProblem(duration: Ms): IgnoreReason | undefined {
  if (duration === 0) return 'bad-lease-time';
  return duration < LEAST_LEASE ? 'lease-too-short' : undefined;
}

function isDamaged({ damaged }: Dhcp4Message, code: number): boolean {
  return damaged?.has(code) === true;
}

/** Why a message is ignored while no reply is expected. */
export function reasonToIgnore(message: Dhcp4Message, env: Env): IgnoreReason {
  return notForUs(message, env) ?? 'unexpected-in-state';
}

function readReply<Type extends MessageType>(
  { message, sourceAddress }: MessageEvent,
  env: Env,
  xid: number,
  types: readonly Type[],
): { readonly type: Type; readonly serverId: Ipv4 } | Ignored {
  const early = notForUs(message, env);
  if (early !== undefined) return ignored(early);
  if (message.xid !== xid) return ignored('xid-mismatch');
  const echo = message.options.get(OPTION.CLIENT_ID);
  if (echo !== undefined && echo.join() !== env.config.clientId.join()) {
    return ignored('client-id-mismatch');
  }
  const actual = messageTypeOf(message.options);
  const type = types.find((wanted) => wanted === actual);
  if (type === undefined) return ignored('unexpected-in-state');
  const told = ipv4Of(message.options, OPTION.SERVER_ID);
  const stands = told === undefined || !isUnicastIpv4(told) ? undefined : told;
  const serverId = stands ?? (env.config.lenientServerId ? sourceAddress : undefined);
  if (serverId === undefined || !isUnicastIpv4(serverId)) {
    const isThere = told !== undefined || isDamaged(message, OPTION.SERVER_ID);
    return ignored(isThere ? 'bad-server-id' : 'no-server-id');
  }
  const { allowedServers, deniedServers } = env.config;
  if (allowedServers.length > 0 && !allowedServers.includes(serverId)) {
    return ignored('server-not-allowed');
  }
  if (deniedServers?.some((denied) => denied === serverId || denied === sourceAddress) === true) {
    return ignored('server-denied');
  }
  return { type, serverId };
}

function notForUs(message: Dhcp4Message, env: Env): IgnoreReason | undefined {
  const type = messageTypeOf(message.options);
  const isReply = type === 'OFFER' || type === 'ACK' || type === 'NAK';
  if (message.op !== BOOTREPLY || !isReply) return 'not-a-reply';
  return message.chaddr === env.config.mac ? undefined : 'chaddr-mismatch';
}

function addressProblem(message: Dhcp4Message, env: Env, serverId: Ipv4): IgnoreReason | undefined {
  if (!isUnicastIpv4(message.yiaddr)) return 'address-not-unicast';
  if (message.yiaddr === serverId) return 'address-is-server';
  const place = placeInSubnet(message.yiaddr, subnetWidthOf(message).prefixLength);
  if (place !== 'host') return `address-is-${place}`;
  const { requestedAddress, bounds } = env.config;
  const isOther = requestedAddress !== undefined && message.yiaddr !== requestedAddress;
  if (isOther) return 'address-not-requested';
  return bounds === undefined || isWithin(message.yiaddr, bounds)
    ? undefined
    : 'address-out-of-bounds';
}

/** A lease in use is kept, wherever its server moves it, but not to the gateway itself. */
function gatewayProblem(
  message: Dhcp4Message,
  { config: { wishes } }: Env,
  isInUse = false,
): IgnoreReason | undefined {
  if (canHaveGateway(message, wishes)) return undefined;
  return isInUse && message.yiaddr !== wishes?.gateway ? undefined : 'gateway-not-in-subnet';
}

function strayGateway({ yiaddr }: Dhcp4Message, { gateway, prefixLength }: LeaseTerms) {
  return `gateway=${gateway} of the network cannot be reached from ${yiaddr}/${prefixLength} without a route of its own; the container gets one`;
}

/** True if an earlier lease may be asked for again. */
export function isAcceptable(address: Ipv4, { requestedAddress, bounds }: Env['config']): boolean {
  const isWanted = requestedAddress === undefined || requestedAddress === address;
  return isWanted && (bounds === undefined || isWithin(address, bounds));
}

function isWithin(address: Ipv4, { within, except }: AddressBounds): boolean {
  return within.every((subnet) => subnetHas(subnet, address)) && !except.includes(address);
}

function ignored(reason: IgnoreReason): Ignored {
  return { type: 'ignored', reason };
}
