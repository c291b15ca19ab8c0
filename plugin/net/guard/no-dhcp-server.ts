/**
 * The steps for a port with `guard=off` where servers are named. They drop what a DHCP server
 * sends, also behind VLAN tags. All else passes.
 *
 * The kernel removes the outer tag before a program runs. A receiver removes a tag without a VLAN
 * (id 0), and Linux goes on with the next tag. So the program looks behind tags, whatever their
 * VLAN. It drops frames with tags of other kinds, and does not look behind those. MACsec passes,
 * because its reader knows the sender by the key.
 */
import { change, jump, load, type Step } from '../bpf-assembler.ts';
import { ETHERTYPE, FIRST_ETHERTYPE, OTHER_TAG, VLAN_TAG } from './ethertypes.ts';
import { END, endsWithFrame, hasLengthBehindX, PAYLOAD_AT } from './frame-steps.ts';
import { noServerPorts, udpPorts } from './udp-ports.ts';

const TYPE_AT = 12;
const TAG_LENGTH = 4;
/**
 * The number of tags behind the outer one. Networks of providers use two tags in all. More are made
 * to hide what is behind them.
 */
const TAGS_AT_MOST = 4;
/** IPv4 in an IEEE 802.2 frame (RFC 1042): LLC AA AA 03, organisation 00 00 00, type. */
const SNAP = { start: 0xaaaa0300, end: ETHERTYPE.ipv4, length: 8 } as const;

/** Passes a frame that is not IPv4. Else goes on at its IPv4 header. */
export function noDhcpServer(): readonly Step[] {
  const steps: Step[] = [...endsWithFrame, load.numberToX(0), load.halfAtX(TYPE_AT)];
  for (let index = 0; index < TAGS_AT_MOST; index += 1) {
    steps.push(
      ...isTag('tag'),
      jump.always('no-tag'),
      'tag',
      ...hasLengthBehindX(PAYLOAD_AT + TAG_LENGTH),
      load.number(TAG_LENGTH),
      change.addX(),
      change.toX(),
      load.halfAtX(TYPE_AT),
    );
  }
  return [
    ...steps,
    ...isTag('drop'),
    'no-tag',
    ...Object.values(OTHER_TAG).map((type) => jump.equal(type, 'drop')),
    jump.equal(ETHERTYPE.ipv4, 'ipv4'),
    jump.atLeast(FIRST_ETHERTYPE, 'pass'),
    load.cell(END),
    change.subtractX(),
    jump.atLeast(PAYLOAD_AT + SNAP.length, undefined, 'pass'),
    load.wordAtX(PAYLOAD_AT),
    jump.equal(SNAP.start, undefined, 'pass'),
    load.wordAtX(PAYLOAD_AT + 4),
    jump.equal(SNAP.end, 'drop', 'pass'),
    'ipv4',
    ...udpPorts(),
    ...noServerPorts,
  ];
}

function isTag(then: string): readonly Step[] {
  return Object.values(VLAN_TAG).map((type) => jump.equal(type, then));
}
