/**
 * Which replies count (RFC 2131 Table 3 and §4.4, RFC 6842). Every other one is named with a reason:
 * a broadcast medium is full of other clients' traffic, and of servers that differ in opinion.
 */
import type { Instant, Ms } from '../time.ts';
import type { AddressBounds, Lease } from '../lease.ts';
import { isUnicastIpv4 } from '../wire/address.ts';
import type { Ipv4 } from '../wire/address.ts';
import { subnetHas } from '../wire/subnet.ts';
import type { DeclinedAddress, Env, IgnoreReason, MessageEvent } from './client-types.ts';
import { leaseTermsOf } from './lease-terms.ts';
import { leaseTimesOf } from './lease-times.ts';
import { BOOTREPLY } from './message.ts';
import type { Dhcp4Message } from './message.ts';
import { ipv4Of, messageTypeOf, OPTION, textOf } from './options.ts';
import type { MessageType } from './options.ts';

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
}

export interface Nak {
  readonly type: 'NAK';
  readonly serverId: Ipv4;
  readonly text: string | undefined;
}

/**
 * dnsmasq and others offer a declined address again at once. It is passed over for as long as dnsmasq
 * itself shelves a declined reservation; after that it is taken, because a reservation is the only
 * address such a client will ever get.
 */
const DECLINED_ADDRESS_SHELVED: Ms = 600_000;

/** The first acceptable OFFER is taken, so nothing here compares two. */
export function readOffer(
  message: Dhcp4Message,
  env: Env,
  expected: { readonly xid: number; readonly declined: readonly DeclinedAddress[] },
): Offer | Ignored {
  const reply = readReply(message, env, expected.xid, ['OFFER']);
  if (reply.type === 'ignored') return reply;
  const reason = addressProblem(message, env);
  if (reason !== undefined) return ignored(reason);
  if (leaseTimesOf(message.options, env.now, env.random) === undefined) {
    return ignored('no-lease-time');
  }
  const address = message.yiaddr;
  const isShelved = expected.declined.some(
    (entry) => entry.address === address && env.now < entry.declinedAt + DECLINED_ADDRESS_SHELVED,
  );
  return isShelved
    ? ignored('address-declined')
    : { type: 'OFFER', serverId: reply.serverId, address };
}

/**
 * The answer to a REQUEST.
 * @param expected.requestedAt when the first REQUEST of the exchange was sent.
 * @param expected.ackServer the only server that may acknowledge; undefined: any.
 * @param expected.nakServer the only server that may refuse: on a wire with two servers, one refuses
 *   the other's leases (udhcpd does).
 */
export function readAnswer(
  event: MessageEvent,
  env: Env,
  expected: {
    readonly xid: number;
    readonly requestedAt: Instant;
    readonly ackServer: Ipv4 | undefined;
    readonly nakServer: Ipv4;
  },
): Ack | Nak | Ignored {
  const { message } = event;
  const reply = readReply(message, env, expected.xid, ['ACK', 'NAK']);
  if (reply.type === 'ignored') return reply;
  const { serverId } = reply;
  const onlyServer = reply.type === 'NAK' ? expected.nakServer : expected.ackServer;
  if (onlyServer !== undefined && serverId !== onlyServer) return ignored('server-mismatch');
  if (reply.type === 'NAK') {
    return { type: 'NAK', serverId, text: textOf(message.options, OPTION.MESSAGE) };
  }
  return readLease(event, env, { serverId, requestedAt: expected.requestedAt });
}

export function isAck(message: Dhcp4Message): boolean {
  return messageTypeOf(message.options) === 'ACK';
}

/** An ACK to a DISCOVER: it counts only with option 80 (RFC 4039 §3.1). */
export function readRapidAck(
  event: MessageEvent,
  env: Env,
  expected: { readonly xid: number; readonly requestedAt: Instant },
): Ack | Ignored {
  const reply = readReply(event.message, env, expected.xid, ['ACK']);
  if (reply.type === 'ignored') return reply;
  if (!event.message.options.has(OPTION.RAPID_COMMIT)) return ignored('no-rapid-commit');
  return readLease(event, env, { ...expected, serverId: reply.serverId });
}

function readLease(
  { message, sourceMac }: MessageEvent,
  env: Env,
  { serverId, requestedAt }: { readonly serverId: Ipv4; readonly requestedAt: Instant },
): Ack | Ignored {
  const reason = addressProblem(message, env);
  if (reason !== undefined) return ignored(reason);
  const times = leaseTimesOf(message.options, requestedAt, env.random);
  if (times === undefined) return ignored('no-lease-time');
  if (times.expiresAt <= env.now) return ignored('already-expired');
  return { type: 'ACK', lease: { ...leaseTermsOf(message, serverId, sourceMac), ...times } };
}

/** Why a message is of no use where no reply is awaited. */
export function reasonToIgnore(message: Dhcp4Message, env: Env): IgnoreReason {
  return notForUs(message, env) ?? 'unexpected-in-state';
}

function readReply<Type extends MessageType>(
  message: Dhcp4Message,
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
  const serverId = ipv4Of(message.options, OPTION.SERVER_ID);
  if (serverId === undefined || !isUnicastIpv4(serverId)) return ignored('no-server-id');
  const { allowedServers } = env.config;
  if (allowedServers.length > 0 && !allowedServers.includes(serverId)) {
    return ignored('server-not-allowed');
  }
  return { type, serverId };
}

function notForUs(message: Dhcp4Message, env: Env): IgnoreReason | undefined {
  const type = messageTypeOf(message.options);
  const isReply = type === 'OFFER' || type === 'ACK' || type === 'NAK';
  if (message.op !== BOOTREPLY || !isReply) return 'not-a-reply';
  return message.chaddr === env.config.mac ? undefined : 'chaddr-mismatch';
}

function addressProblem(message: Dhcp4Message, env: Env): IgnoreReason | undefined {
  if (!isUnicastIpv4(message.yiaddr)) return 'address-not-unicast';
  const { requestedAddress, bounds } = env.config;
  const isOther = requestedAddress !== undefined && message.yiaddr !== requestedAddress;
  if (isOther) return 'address-not-requested';
  return bounds === undefined || isWithin(message.yiaddr, bounds)
    ? undefined
    : 'address-out-of-bounds';
}

/** Whether a lease from before is worth asking for again. */
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
