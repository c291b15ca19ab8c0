/** Builders of DHCPv6 values with valid defaults. A test sets only what it is about. */
import type { ClientConfig6 } from '../../../plugin/dhcp6/client/client.ts';
import type { Dhcp6Message, MessageType } from '../../../plugin/dhcp6/message.ts';
import type { Dhcp6Option } from '../../../plugin/dhcp6/options.ts';
import { duidOfMac, iaidOfMac, type Duid } from '../../../plugin/vocabulary/ipv6/duid.ts';
import type { Lease6 } from '../../../plugin/vocabulary/ipv6/lease6.ts';
import { CLIENT_MAC, ip6, mac, SERVER_MAC } from './messages.ts';

export const SERVER_DUID = duidOfMac(SERVER_MAC);
export const OTHER_DUID = duidOfMac(mac('02:00:00:00:00:02'));
export const CLIENT_DUID = duidOfMac(CLIENT_MAC);
export const ADDRESS6 = '2001:db8::50';
export const DNS6 = '2001:db8::1';

export function clientConfig6(overrides: Partial<ClientConfig6> = {}): ClientConfig6 {
  return {
    duid: CLIENT_DUID,
    iaid: iaidOfMac(CLIENT_MAC),
    hostName: 'web-1',
    wishedAddress: undefined,
    retransmit: 'container-start',
    allowedServers: [],
    dad: false,
    rapidCommit: false,
    ...overrides,
  };
}

/** An address with its preferred and valid lifetime in seconds, and perhaps a status. */
export type AddressParts = readonly [
  text: string,
  preferred?: number,
  valid?: number,
  status?: number,
];

export interface Reply6Parts {
  /** null: the message has no server id, or no client id, or no IA. */
  readonly serverId?: Duid | null;
  readonly clientId?: Duid | null;
  readonly addresses?: readonly AddressParts[] | null;
  readonly iaid?: number;
  readonly t1?: number;
  readonly t2?: number;
  /** In the message, and in the IA. */
  readonly status?: number;
  readonly iaStatus?: number;
  readonly options?: readonly Dhcp6Option[];
}

export function statusOption(status: number): Dhcp6Option {
  return { type: 'status', status, text: `status ${status}` };
}

/** T1 is 900 s, T2 1440 s, preferred 1800 s, valid 3600 s. */
export function reply6(type: MessageType, xid: number, parts: Reply6Parts = {}): Dhcp6Message {
  const { serverId = SERVER_DUID, clientId = CLIENT_DUID, addresses = [[ADDRESS6]] } = parts;
  const statusOf = (status: number | undefined): readonly Dhcp6Option[] =>
    status === undefined ? [] : [statusOption(status)];
  const ia = (all: readonly AddressParts[]): Dhcp6Option => ({
    type: 'ia-na',
    iaid: parts.iaid ?? iaidOfMac(CLIENT_MAC),
    t1: parts.t1 ?? 900,
    t2: parts.t2 ?? 1440,
    options: [
      ...all.map(([text, preferred = 1800, valid = 3600, status]): Dhcp6Option => {
        return {
          type: 'ia-address',
          address: ip6(text),
          preferredLifetime: preferred,
          validLifetime: valid,
          options: statusOf(status),
        };
      }),
      ...statusOf(parts.iaStatus),
    ],
  });
  return {
    type,
    xid,
    options: [
      ...(addresses === null ? [] : [ia(addresses)]),
      ...(clientId === null ? [] : [{ type: 'client-id', duid: clientId } as const]),
      ...(serverId === null ? [] : [{ type: 'server-id', duid: serverId } as const]),
      ...statusOf(parts.status),
      { type: 'dns-servers', servers: [ip6(DNS6)] },
      ...(parts.options ?? []),
    ],
  };
}

/** A lease as `reply6` grants it, requested at 0. */
export function lease6(overrides: Partial<Lease6> = {}): Lease6 {
  return {
    addresses: [{ address: ip6(ADDRESS6), preferredUntil: 1_800_000, validUntil: 3_600_000 }],
    serverId: SERVER_DUID,
    dnsServers: [ip6(DNS6)],
    domainSearch: [],
    requestedAt: 0,
    t1At: 900_000,
    t2At: 1_440_000,
    ...overrides,
  };
}
