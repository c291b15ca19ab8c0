/**
 * Builds each message of a client: one function for each column of RFC 2131 Tables 4 and 5.
 *
 * Option 61 is in every message, as RFC 2131 §2 asks. If a lease was made under a client
 * identifier, some servers (ISC dhcpd, networkd) refuse or ignore a renewal without it.
 */
import { IPV4_ANY } from '../wire/address.ts';
import type { Ipv4, Mac } from '../wire/address.ts';
import { ALWAYS_SHOWN } from '../vocabulary/dhcp/option-catalogue.ts';
import type { LeaseTerms } from '../vocabulary/lease.ts';
import { BOOTREQUEST } from './message.ts';
import type { Dhcp4Message } from './message.ts';
import {
  clientFqdnValue,
  ipv4Value,
  messageTypeValue,
  OPTION,
  textValue,
  u16Value,
  userClassValue,
} from './options.ts';
import type { MessageType } from './options.ts';

/** The identity of the client, as its messages show it. */
export interface ClientIdentity {
  readonly mac: Mac; // chaddr and L2 source
  readonly clientId: Uint8Array; // option 61 payload, type octet included
  readonly hostName: string | undefined; // option 12, or 81 when it contains a dot
  readonly registersName?: boolean | undefined; // option 81 in any case: the server is to register
  readonly vendorClass?: string | undefined; // option 60
  readonly userClass?: string | undefined; // option 77
  readonly alsoAsked?: readonly number[] | undefined; // more codes for option 55
  readonly mtu: number; // option 57 value
  readonly broadcast: boolean; // broadcast flag while address-less
}

/** The fields that connect a reply with a request. */
export interface ExchangeFields {
  readonly xid: number;
  readonly secs: number;
}

/**
 * Option 55, the most wanted first. 121 is before 3 and 33, because servers without room drop from
 * the end (RFC 3442). Microsoft servers used 249 before 121 had a number.
 */
const PARAMETER_REQUEST_LIST: readonly number[] = [
  OPTION.SUBNET_MASK,
  OPTION.CLASSLESS_ROUTE,
  OPTION.ROUTER,
  OPTION.DOMAIN_NAME_SERVER,
  OPTION.HOST_NAME,
  OPTION.DOMAIN_NAME,
  OPTION.INTERFACE_MTU,
  OPTION.BROADCAST_ADDRESS,
  OPTION.STATIC_ROUTE,
  OPTION.NTP_SERVERS,
  OPTION.LEASE_TIME,
  OPTION.SERVER_ID,
  OPTION.RENEWAL_TIME,
  OPTION.REBINDING_TIME,
  OPTION.DOMAIN_SEARCH,
  OPTION.MICROSOFT_CLASSLESS_ROUTE,
  ...ALWAYS_SHOWN.filter((code) => code !== OPTION.NTP_SERVERS),
];

/** RFC 2132 §9.10: the smallest value that option 57 may have. */
const LEAST_MAX_MESSAGE_SIZE = 576;

/**
 * @param asking.wished option 50: an address that we would like. Undefined leaves the choice to the
 * server.
 * @param asking.rapidCommit option 80: the server may answer with an ACK at once (RFC 4039).
 */
export function buildDiscover(
  identity: ClientIdentity,
  exchange: ExchangeFields,
  { wished, rapidCommit }: { readonly wished: Ipv4 | undefined; readonly rapidCommit: boolean },
): Dhcp4Message {
  return build(identity, exchange, 'DISCOVER', {
    broadcast: identity.broadcast,
    options: [
      ...addressOption(wished),
      ...(rapidCommit ? [[OPTION.RAPID_COMMIT, new Uint8Array()] as const] : []),
      ...askingOptions(identity),
    ],
  });
}

/**
 * Answers an OFFER: 50 and 54 are taken from it. xid and secs are those of the DISCOVER (RFC 2131
 * §4.3.2).
 */
export function buildSelectingRequest(
  identity: ClientIdentity,
  exchange: ExchangeFields,
  offered: { readonly address: Ipv4; readonly serverId: Ipv4 },
): Dhcp4Message {
  return build(identity, exchange, 'REQUEST', {
    broadcast: identity.broadcast,
    options: [
      ...addressOption(offered.address),
      [OPTION.SERVER_ID, ipv4Value(offered.serverId)],
      ...askingOptions(identity),
    ],
  });
}

/** Asks whether an earlier lease is still valid: 50, no 54, ciaddr 0. */
export function buildInitRebootRequest(
  identity: ClientIdentity,
  exchange: ExchangeFields,
  address: Ipv4,
): Dhcp4Message {
  return build(identity, exchange, 'REQUEST', {
    broadcast: identity.broadcast,
    options: [...addressOption(address), ...askingOptions(identity)],
  });
}

/** Neither 50 nor 54, and ciaddr filled in: the server answers to that address. Sent by unicast. */
export function buildRenewingRequest(
  identity: ClientIdentity,
  exchange: ExchangeFields,
  address: Ipv4,
): Dhcp4Message {
  return build(identity, exchange, 'REQUEST', {
    ciaddr: address,
    options: askingOptions(identity),
  });
}

/** The same bytes as a RENEWING request, but sent by broadcast (RFC 2131 §4.3.6). */
export const buildRebindingRequest = buildRenewingRequest;

/** Tells the server that another host has the address: ciaddr 0, no 55, 57, 60, 12 or 81. */
export function buildDecline(
  identity: ClientIdentity,
  xid: number,
  lease: LeaseTerms,
): Dhcp4Message {
  return build(identity, { xid, secs: 0 }, 'DECLINE', {
    options: [...addressOption(lease.address), [OPTION.SERVER_ID, ipv4Value(lease.serverId)]],
  });
}

/** Gives the lease back: ciaddr says which one, and option 50 MUST NOT be there. */
export function buildRelease(
  identity: ClientIdentity,
  xid: number,
  lease: LeaseTerms,
): Dhcp4Message {
  return build(identity, { xid, secs: 0 }, 'RELEASE', {
    ciaddr: lease.address,
    options: [[OPTION.SERVER_ID, ipv4Value(lease.serverId)]],
  });
}

type OptionEntries = readonly (readonly [code: number, value: Uint8Array])[];

function build(
  identity: ClientIdentity,
  exchange: ExchangeFields,
  type: MessageType,
  parts: {
    readonly ciaddr?: Ipv4;
    readonly broadcast?: boolean;
    readonly options: OptionEntries;
  },
): Dhcp4Message {
  return {
    op: BOOTREQUEST,
    hops: 0,
    xid: exchange.xid,
    secs: exchange.secs,
    broadcast: parts.broadcast ?? false,
    ciaddr: parts.ciaddr ?? IPV4_ANY,
    yiaddr: IPV4_ANY,
    siaddr: IPV4_ANY,
    giaddr: IPV4_ANY,
    chaddr: identity.mac,
    options: new Map<number, Uint8Array>([
      [OPTION.MESSAGE_TYPE, messageTypeValue(type)],
      [OPTION.CLIENT_ID, identity.clientId],
      ...parts.options,
    ]),
  };
}

function addressOption(address: Ipv4 | undefined): OptionEntries {
  return address === undefined ? [] : [[OPTION.REQUESTED_ADDRESS, ipv4Value(address)]];
}

/** The options that only DISCOVER and REQUEST may have (Table 5). */
function askingOptions(identity: ClientIdentity): OptionEntries {
  const maxMessageSize = Math.max(identity.mtu, LEAST_MAX_MESSAGE_SIZE);
  return [
    [OPTION.MAX_MESSAGE_SIZE, u16Value(maxMessageSize)],
    ...nameOption(identity),
    ...(identity.vendorClass === undefined
      ? []
      : [[OPTION.VENDOR_CLASS, textValue(identity.vendorClass)] as const]),
    ...(identity.userClass === undefined
      ? []
      : [[OPTION.USER_CLASS, userClassValue(identity.userClass)] as const]),
    [OPTION.PARAMETER_LIST, parameterList(identity.alsoAsked)],
  ];
}

function parameterList(alsoAsked: readonly number[] = []): Uint8Array {
  return Uint8Array.from(new Set([...PARAMETER_REQUEST_LIST, ...alsoAsked]));
}

/** RFC 4702 §3.1: a client that sends 81 does not send 12. */
function nameOption({ hostName, registersName }: ClientIdentity): OptionEntries {
  if (hostName === undefined) return [];
  return registersName === true || hostName.includes('.')
    ? [[OPTION.CLIENT_FQDN, clientFqdnValue(hostName)]]
    : [[OPTION.HOST_NAME, textValue(hostName)]];
}
