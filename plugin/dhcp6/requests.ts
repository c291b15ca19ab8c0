/**
 * Builds each message of a client (RFC 9915 §18.2). Lifetimes, T1 and T2 in it are 0: the server
 * decides about them.
 */
import type { Duid } from '../vocabulary/ipv6/duid.ts';
import type { Ipv6 } from '../wire/address6.ts';
import type { Dhcp6Message, MessageType } from './message.ts';
import { CODE, type Dhcp6Option } from './options.ts';

export interface ClientIdentity6 {
  readonly duid: Duid;
  readonly iaid: number;
  /** Sent as client FQDN. Labels of 1 to 63 octets of ASCII; partial if it has no dot. */
  readonly hostName: string | undefined;
}

/** What differs between two messages of the same type. */
export interface MessageParts {
  readonly xid: number;
  /** Hundredths of a second since the first message of the exchange; 0 in the first. */
  readonly elapsed: number;
  readonly serverId?: Duid | undefined;
  /** The addresses that the message is about. */
  readonly addresses?: readonly Ipv6[];
  readonly rapidCommit?: boolean;
}

/** RFC 4704 §4.1, S: the server should register the name, because a container does not. */
const FQDN_SERVER_REGISTERS = 1;

const ASKED = [
  CODE['dns-servers'],
  CODE['domain-list'],
  CODE['sol-max-rt'],
  CODE['inf-max-rt'],
] as const;

/** The messages that ask for configuration, and so have an option request. */
const ASKING: readonly MessageType[] = [
  'SOLICIT',
  'REQUEST',
  'RENEW',
  'REBIND',
  'INFORMATION-REQUEST',
];

export function buildMessage(
  type: MessageType,
  identity: ClientIdentity6,
  parts: MessageParts,
): Dhcp6Message {
  const isInformation = type === 'INFORMATION-REQUEST';
  const isAsking = ASKING.includes(type);
  const { serverId, rapidCommit = false } = parts;
  return {
    type,
    xid: parts.xid,
    options: [
      { type: 'client-id', duid: identity.duid },
      ...(serverId === undefined ? [] : [{ type: 'server-id', duid: serverId } as const]),
      ...(isInformation ? [] : [iaNa(identity.iaid, parts.addresses ?? [])]),
      ...(rapidCommit ? [{ type: 'rapid-commit' } as const] : []),
      { type: 'elapsed-time', value: parts.elapsed },
      ...(isAsking ? [optionRequest(isInformation)] : []),
      ...(isAsking && !isInformation ? fqdn(identity.hostName) : []),
    ],
  };
}

function iaNa(iaid: number, addresses: readonly Ipv6[]): Dhcp6Option {
  const options = addresses.map((address): Dhcp6Option => {
    return { type: 'ia-address', address, preferredLifetime: 0, validLifetime: 0, options: [] };
  });
  return { type: 'ia-na', iaid, t1: 0, t2: 0, options };
}

function optionRequest(isInformation: boolean): Dhcp6Option {
  const codes = isInformation ? [...ASKED, CODE['refresh-time']] : ASKED;
  return { type: 'option-request', codes };
}

function fqdn(name: string | undefined): readonly Dhcp6Option[] {
  if (name === undefined) return [];
  return [{ type: 'fqdn', flags: FQDN_SERVER_REGISTERS, name, isPartial: !name.includes('.') }];
}
