/**
 * Steps that tell whether the source MAC of a frame is one of a list. The list may have hundreds of
 * MACs. So the steps search by halves, in the last two octets.
 */
import { macToBytes, type Mac } from '../../wire/address.ts';
import { OWN_MARK } from '../own-mark.ts';
import { change, jump, load, type Step } from '../bpf-assembler.ts';
import { ETHERTYPE } from './ethertypes.ts';
import { hasLength, onlyDrop, PAYLOAD_AT } from './frame-steps.ts';
import { DHCP, IPV4_LENGTH, noServerPorts, udpPorts } from './udp-ports.ts';

const MARK = 0xfffff014; // SKF_AD_OFF + SKF_AD_MARK, linux/filter.h
const SOURCE_AT = 6;
const TYPE_AT = 12;
const ARP_SENDER_AT = PAYLOAD_AT + 8;

/** The kernel takes 4096 instructions in one program. Each MAC needs up to seven. */
export const MOST_SENDERS = 500;

/**
 * Drops a frame of another MAC, but for frames of the plugin itself and requests of DHCP clients:
 * the plugin asks for leases before a container's link is there, and gives them back when it is
 * gone.
 */
export function hasKnownSender(macs: readonly Mac[]): readonly Step[] {
  const sorted = macs.map(halves).sort((one, other) => one.low - other.low);
  return [
    // Earlier steps cannot jump over a long list.
    jump.always('search'),
    ...onlyDrop,
    'search',
    load.word(MARK),
    jump.equal(OWN_MARK, undefined, 'not-own'),
    jump.always('known-sender'),
    'not-own',
    load.half(SOURCE_AT + 4),
    ...search(sorted),
    'unknown-sender',
    load.half(TYPE_AT),
    jump.equal(ETHERTYPE.ipv4, undefined, 'drop'),
    ...hasLength(PAYLOAD_AT + IPV4_LENGTH),
    load.numberToX(0),
    ...udpPorts(),
    ...noServerPorts,
    jump.equal(DHCP.server, undefined, 'drop'),
    jump.always('known-sender'),
    'pass', // `udpPorts` goes there for another protocol
    ...onlyDrop,
    'known-sender',
  ];
}

/** Requires that the sender that ARP names is the source of the frame. */
export const isArpOfSource: readonly Step[] = [
  load.word(ARP_SENDER_AT),
  change.toX(),
  load.word(SOURCE_AT),
  change.subtractX(),
  jump.equal(0, undefined, 'drop'),
  load.half(ARP_SENDER_AT + 4),
  change.toX(),
  load.half(SOURCE_AT + 4),
  change.subtractX(),
  jump.equal(0, undefined, 'drop'),
];

interface Halves {
  readonly high: number;
  readonly low: number;
}

/** A is the last two octets of the source. Goes to `known-sender` or `unknown-sender`. */
function search(sorted: readonly Halves[], path = ''): readonly Step[] {
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (middle === undefined) return [jump.always('unknown-sender')];
  const below = sorted.filter(({ low }) => low < middle.low);
  if (below.length === 0) return leaf(sorted, path);
  const above = sorted.slice(below.length);
  const [left, right] = [`left${path}`, `right${path}`];
  return [
    jump.atLeast(middle.low, undefined, left),
    jump.always(right),
    left,
    ...search(below, `${path}0`),
    right,
    ...search(above, `${path}1`),
  ];
}

/** Compares with each in turn. They are few, or alike in the last two octets. */
function leaf(sorted: readonly Halves[], path: string): readonly Step[] {
  return [
    ...sorted.flatMap(({ high, low }, index) => {
      const next = `next${path}-${index}`;
      return [
        jump.equal(low, undefined, next),
        load.word(SOURCE_AT),
        jump.equal(high, undefined, `other${path}-${index}`),
        jump.always('known-sender'),
        `other${path}-${index}`,
        ...(index === sorted.length - 1 ? [] : [load.half(SOURCE_AT + 4)]),
        next,
      ];
    }),
    jump.always('unknown-sender'),
  ];
}

function halves(mac: Mac): Halves {
  const octets = macToBytes(mac);
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  return { high: view.getUint32(0), low: view.getUint16(4) };
}
