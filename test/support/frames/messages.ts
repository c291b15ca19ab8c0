/**
 * Builders of addresses, options and server replies with valid defaults. A test sets only what it
 * is about.
 */
import type { Lease } from '../../../plugin/vocabulary/lease.ts';
import { BOOTREPLY } from '../../../plugin/dhcp4/message.ts';
import type { Dhcp4Message } from '../../../plugin/dhcp4/message.ts';
import { ipv4Value, messageTypeValue, OPTION } from '../../../plugin/dhcp4/options.ts';
import type { MessageType } from '../../../plugin/dhcp4/options.ts';
import type { ClientConfig } from '../../../plugin/dhcp4/client/client.ts';
import { IPV4_ANY, parseIpv4, parseMac } from '../../../plugin/wire/address.ts';
import { parseIpv6, type Ipv6 } from '../../../plugin/wire/address6.ts';
import type { Ipv4, Mac } from '../../../plugin/wire/address.ts';
import { Writer } from '../../../plugin/wire/writer.ts';

export function ip(text: string): Ipv4 {
  const address = parseIpv4(text);
  if (address === undefined) throw new Error(`no IPv4 address: ${text}`);
  return address;
}

export function ip6(text: string): Ipv6 {
  const address = parseIpv6(text);
  if (address === undefined) throw new Error(`not an IPv6 address: ${text}`);
  return address;
}

export function mac(text: string): Mac {
  const parsed = parseMac(text);
  if (parsed === undefined) throw new Error(`no MAC: ${text}`);
  return parsed;
}

export const CLIENT_MAC = mac('02:00:00:00:00:c1');
export const SERVER_MAC = mac('02:00:00:00:00:01');
export const SERVER = ip('192.0.2.1');
export const ADDRESS = ip('192.0.2.50');
export const CLIENT_ID = Uint8Array.of(0, 0x77, 0x65, 0x62, 0x31);

export function clientConfig(overrides: Partial<ClientConfig> = {}): ClientConfig {
  return {
    mac: CLIENT_MAC,
    clientId: CLIENT_ID,
    hostName: 'web-1',
    requestedAddress: undefined,
    mtu: 1500,
    broadcast: false,
    retransmit: 'container-start',
    allowedServers: [],
    acd: false,
    rapidCommit: false,
    lenientServerId: false,
    ...overrides,
  };
}

export interface ReplyParts {
  readonly xid?: number;
  readonly address?: Ipv4;
  /** null: the reply has no option 54. */
  readonly serverId?: Ipv4 | null;
  /** null: the reply has no option 51. */
  readonly leaseSec?: number | null;
  readonly t1Sec?: number;
  readonly t2Sec?: number;
  readonly header?: Partial<Omit<Dhcp4Message, 'options'>>;
  readonly options?: readonly (readonly [code: number, value: Uint8Array])[];
}

export const offer = (parts: ReplyParts = {}): Dhcp4Message => reply('OFFER', parts);
export const ack = (parts: ReplyParts = {}): Dhcp4Message => reply('ACK', parts);
export const nak = (parts: ReplyParts = {}): Dhcp4Message =>
  reply('NAK', { leaseSec: null, address: IPV4_ANY, ...parts });

export function reply(type: MessageType, parts: ReplyParts): Dhcp4Message {
  const options = new Map<number, Uint8Array>([[OPTION.MESSAGE_TYPE, messageTypeValue(type)]]);
  const { serverId = SERVER, leaseSec = 3600 } = parts;
  if (serverId !== null) options.set(OPTION.SERVER_ID, ipv4Value(serverId));
  if (leaseSec !== null) {
    options.set(OPTION.LEASE_TIME, seconds(leaseSec));
    options.set(OPTION.SUBNET_MASK, ipv4Value(ip('255.255.255.0')));
    options.set(OPTION.ROUTER, ipv4Value(SERVER));
  }
  if (parts.t1Sec !== undefined) options.set(OPTION.RENEWAL_TIME, seconds(parts.t1Sec));
  if (parts.t2Sec !== undefined) options.set(OPTION.REBINDING_TIME, seconds(parts.t2Sec));
  for (const [code, value] of parts.options ?? []) options.set(code, value);
  return {
    op: BOOTREPLY,
    hops: 0,
    xid: parts.xid ?? 0,
    secs: 0,
    broadcast: false,
    ciaddr: IPV4_ANY,
    yiaddr: parts.address ?? ADDRESS,
    siaddr: IPV4_ANY,
    giaddr: IPV4_ANY,
    chaddr: CLIENT_MAC,
    ...parts.header,
    options,
  };
}

export function seconds(value: number): Uint8Array {
  return new Writer().u32(value).toBytes();
}

/** One hour from `requestedAt`, with the default T1 and T2. */
export function lease(overrides: Partial<Lease> = {}): Lease {
  const requestedAt = overrides.requestedAt ?? 0;
  return {
    address: ADDRESS,
    prefixLength: 24,
    gateway: SERVER,
    routes: [],
    mtu: undefined,
    dnsServers: [],
    domainName: undefined,
    domainSearch: [],
    serverId: SERVER,
    serverMac: SERVER_MAC,
    requestedAt,
    t1At: requestedAt + 1_800_000,
    t2At: requestedAt + 3_150_000,
    expiresAt: requestedAt + 3_600_000,
    ...overrides,
  };
}
