/** A frame in one line, for a person who reads along. What a server says is printed as it came. */
import { decodeArpFrame } from '../../acd/frame.ts';
import { decodeFrame as decodeFrame4 } from '../../dhcp4/frame.ts';
import type { Dhcp4Message } from '../../dhcp4/message.ts';
import {
  durationOf,
  ipv4ListOf,
  ipv4Of,
  messageTypeOf,
  OPTION,
  textOf,
} from '../../dhcp4/options.ts';
import { decodeFrame as decodeFrame6 } from '../../dhcp6/frame.ts';
import type { Dhcp6Message } from '../../dhcp6/message.ts';
import type { Dhcp6Option } from '../../dhcp6/options.ts';
import { decodeNdpFrame } from '../../ndp/frame.ts';
import type { NdpMessage } from '../../ndp/message.ts';
import type { NdpOption } from '../../ndp/options.ts';
import { IPV4_ANY } from '../../wire/address.ts';
import { formatSubnet6 } from '../../wire/address6.ts';
import { ETHERTYPE_ARP, ETHERTYPE_IPV4 } from '../../wire/ethernet.ts';
import { PROTOCOL_UDP } from '../../wire/ipv4.ts';
import { MalformedError } from '../../wire/malformed-error.ts';
import { nextHeaderOf } from '../ipv6/ipv6-channel.ts';
import type { WatchedFrame } from './frame-watch.ts';

export interface FrameText {
  readonly protocol: 'DHCPv4' | 'ARP' | 'DHCPv6' | 'NDP';
  /** `DISCOVER`, `probe`, `router-advertisement`; `malformed` if it cannot be read. */
  readonly type: string;
  /** The fields that matter, `name value` each. */
  readonly text: string;
}

/** Ports of servers, which receive what a client sends. */
const SENT4 = { checksumReady: false, port: 67 };
const SENT6 = { checksumReady: false, port: 547 };
const HEARD = { checksumReady: false };
const ETHERTYPE_AT = 12;

export function describeFrame({
  frame,
  direction,
}: Pick<WatchedFrame, 'frame' | 'direction'>): FrameText {
  const isSent = direction === 'sent';
  const etherType = ((frame[ETHERTYPE_AT] ?? 0) << 8) | (frame[ETHERTYPE_AT + 1] ?? 0);
  const protocol =
    etherType === ETHERTYPE_ARP
      ? 'ARP'
      : etherType === ETHERTYPE_IPV4
        ? 'DHCPv4'
        : nextHeaderOf(frame) === PROTOCOL_UDP
          ? 'DHCPv6'
          : 'NDP';
  try {
    switch (protocol) {
      case 'ARP':
        return { protocol, ...ofArp(frame) };
      case 'DHCPv4':
        return { protocol, ...ofDhcp4(decodeFrame4(frame, isSent ? SENT4 : HEARD).message) };
      case 'DHCPv6':
        return { protocol, ...ofDhcp6(decodeFrame6(frame, isSent ? SENT6 : HEARD).message) };
      case 'NDP':
        return { protocol, ...ofNdp(frame) };
    }
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return { protocol, type: 'malformed', text: error.what };
  }
}

type Told = Omit<FrameText, 'protocol'>;

function ofArp(frame: Uint8Array): Told {
  const { operation, senderMac, senderAddress, targetAddress } = decodeArpFrame(frame);
  if (senderAddress === IPV4_ANY) return told('probe', { who_has: targetAddress, from: senderMac });
  if (senderAddress === targetAddress) return told('announcement', { of: senderAddress, from: senderMac }); // prettier-ignore
  if (operation === 'request') return told('request', { who_has: targetAddress, from: senderAddress, mac: senderMac }); // prettier-ignore
  return told('reply', { of: senderAddress, from: senderMac });
}

function ofDhcp4({ options, xid, ciaddr, yiaddr, giaddr }: Dhcp4Message): Told {
  const address = (value: string) => (value === IPV4_ANY ? undefined : value);
  const time = durationOf(options, OPTION.LEASE_TIME);
  return told(messageTypeOf(options) ?? 'other message', {
    xid: xid.toString(16).padStart(8, '0'),
    has: address(ciaddr),
    gets: address(yiaddr),
    wants: ipv4Of(options, OPTION.REQUESTED_ADDRESS),
    server: ipv4Of(options, OPTION.SERVER_ID),
    relay: address(giaddr),
    lease: time === undefined ? undefined : time === Infinity ? 'infinite' : `${time / 1000} s`,
    routers: ipv4ListOf(options, OPTION.ROUTER)?.join(','),
    name: textOf(options, OPTION.HOST_NAME),
    says: quoted(textOf(options, OPTION.MESSAGE)),
  });
}

function ofDhcp6({ type, xid, options }: Dhcp6Message): Told {
  const find = <Type extends Dhcp6Option['type']>(wanted: Type) =>
    options.find((one): one is Extract<Dhcp6Option, { type: Type }> => one.type === wanted);
  const inside = find('ia-na')?.options ?? [];
  const addresses = inside.flatMap((one) => (one.type === 'ia-address' ? [one.address] : []));
  const statuses = [...options, ...inside].flatMap((one) =>
    one.type === 'status' && one.status !== 0 ? [`${one.status} ${quoted(one.text) ?? ''}`] : [],
  );
  return told(type, {
    xid: xid.toString(16).padStart(6, '0'),
    addresses: addresses.join(',') || undefined,
    server: options.flatMap((one) => (one.type === 'server-id' ? [one.duid] : []))[0],
    status: statuses.join(', ') || undefined,
  });
}

function ofNdp(frame: Uint8Array): Told {
  const { message, source, sourceMac } = decodeNdpFrame(frame, HEARD);
  const from = { from: source, mac: sourceMac };
  switch (message.type) {
    case 'router-solicitation':
      return told(message.type, from);
    case 'router-advertisement':
      return told(message.type, { ...from, ...ofAdvertisement(message) });
    case 'neighbor-solicitation':
      return told(message.type, { who_has: message.target, ...from });
    case 'neighbor-advertisement':
      return told(message.type, { of: message.target, ...from });
  }
}

function ofAdvertisement(
  message: NdpMessage & { type: 'router-advertisement' },
): Record<string, string | undefined> {
  const prefixes = message.options.flatMap((one: NdpOption) =>
    one.type === 'prefix' ? [formatSubnet6(one.subnet)] : [],
  );
  const flags = [message.isManaged ? 'M' : '', message.hasOtherConfig ? 'O' : ''].join('');
  return {
    prefixes: prefixes.join(',') || undefined,
    flags: flags || undefined,
    router_for: `${message.routerLifetime} s`,
  };
}

function told(type: string, fields: Readonly<Record<string, string | undefined>>): Told {
  const parts = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name.replace('_', ' ')} ${value}`],
  );
  return { type, text: parts.join(', ') };
}

/** JSON's quotes, and no control character. */
function quoted(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : JSON.stringify(text);
}
