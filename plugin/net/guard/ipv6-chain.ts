/**
 * The steps that drop what no container may send by IPv6: router advertisements, redirects, and
 * messages of a DHCPv6 server. They are found also behind extension headers (RFC
 * 7113) and in fragments (RFC 7112, 6980).
 *
 * A later fragment passes without a check. A receiver cannot use it without its first fragment,
 * which has the ports or the ICMPv6 type. A first fragment passes only if it contains those, and if
 * they are harmless.
 */
import { change, jump, load, type Step } from '../bpf-assembler.ts';
import {
  END,
  endsWithFrame,
  endsWithFrameAtLatest,
  hasLength,
  hasLengthBehindX,
  PAYLOAD_AT,
  UDP,
  UDP_LENGTH,
  verdicts,
} from './frame-steps.ts';
import { comesFromNone, hasOwnTarget, type OwnIpv6 } from './ipv6-source.ts';

const IPV6_LENGTH = 40;
const ICMPV6 = 58;
const ROUTER_ADVERTISEMENT = 134;
const NEIGHBOUR_SOLICITATION = 135;
const NEIGHBOUR_ADVERTISEMENT = 136;
const REDIRECT = 137;
/**
 * The other types of neighbour discovery and SEND. No host sends them in fragments (RFC 6980 §5).
 */
const NEIGHBOUR_DISCOVERY = [133, NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT, 148, 149];
const DHCPV6 = { server: 547, client: 546 } as const;
/**
 * Hop-by-hop, routing, destination options, mobility, HIP, shim6. Their second byte is the length,
 * in units of 8 bytes.
 */
const EXTENSIONS = [0, 43, 60, 135, 139, 140];
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const CONTINUES = [...EXTENSIONS, FRAGMENT, AUTHENTICATION];
const MORE_FRAGMENTS = 1;
/**
 * Memory cells. NEXT has the type of the next header. IN_FRAGMENT is not 0 behind a fragment
 * header.
 */
const NEXT = 0;
const IN_FRAGMENT = 2;
/** Real packets have one or two. A longer chain is made to hide what is behind it (RFC 7113). */
const EXTENSIONS_AT_MOST = 4;

/**
 * Follows the extension headers up to the end of the packet. X is where the next header begins.
 * Drops a first fragment whose chain goes on behind the fragment header, because the end of the
 * chain may be in a later fragment (RFC 7112 §5).
 * @param leases true if requests to DHCPv6 servers pass.
 * @param own if given, a neighbour advertisement passes only for an address of the container.
 */
export function noRouterNorDhcpv6(leases: boolean, own?: OwnIpv6): readonly Step[] {
  const steps: Step[] = [
    // The cells are set first. The kernel's checker assumes that steps behind a verdict can be
    // reached by any jump to that verdict.
    ...endsWithFrame,
    load.number(0),
    change.toCell(IN_FRAGMENT),
    ...hasLength(PAYLOAD_AT + IPV6_LENGTH),
    // The length is 0 in a jumbogram (RFC 2675 §3). Linux then takes the whole frame as the packet,
    // even if that option is missing.
    load.half(PAYLOAD_AT + 4),
    jump.equal(0, 'follow'),
    change.add(PAYLOAD_AT + IPV6_LENGTH),
    change.toCell(END),
    ...endsWithFrameAtLatest,
    'follow',
    load.numberToX(PAYLOAD_AT + IPV6_LENGTH),
    load.byte(PAYLOAD_AT + 6),
  ];
  for (let index = 0; index < EXTENSIONS_AT_MOST; index += 1) steps.push(...extension(index));
  steps.push(
    // Behind the longest chain, only the end of the chain is accepted.
    ...whatIsBehind(),
    ...CONTINUES.map((type) => jump.equal(type, 'drop')),
    ...verdicts,
    'icmpv6',
    ...hasLengthBehindX(1),
    load.byteAtX(0),
    jump.equal(ROUTER_ADVERTISEMENT, 'drop'),
    jump.equal(REDIRECT, 'drop'),
    ...(own === undefined
      ? []
      : [
          jump.equal(NEIGHBOUR_ADVERTISEMENT, 'advertised'),
          jump.equal(NEIGHBOUR_SOLICITATION, 'asked'),
        ]),
    jump.always('other-icmpv6'), // further on, because the jumps to udp6 have a short range
    'udp6',
    ...hasLengthBehindX(UDP_LENGTH),
    load.halfAtX(0),
    jump.equal(DHCPV6.server, 'drop'),
    load.halfAtX(2),
    jump.equal(DHCPV6.client, 'drop'),
    // The plugin leases for the container, over the bridge. A request of its own could give back
    // the lease of another: servers know a container by what is made of its MAC.
    jump.equal(DHCPV6.server, leases ? 'pass' : 'drop', 'pass'),
    ...verdicts,
    'other-icmpv6',
    change.toX(),
    load.cell(IN_FRAGMENT),
    jump.equal(0, 'pass'),
    load.fromX(),
    ...NEIGHBOUR_DISCOVERY.map((type) => jump.equal(type, 'drop')),
    jump.always('pass'),
  );
  if (own === undefined) return steps;
  steps.push(
    ...verdicts,
    // A question from no address says that the container wants the address for itself.
    'asked',
    ...comesFromNone('advertised'),
    load.cell(IN_FRAGMENT),
    jump.equal(0, 'pass', 'drop'),
    ...verdicts,
    'advertised',
    load.cell(IN_FRAGMENT),
    jump.equal(0, undefined, 'drop'),
    ...hasOwnTarget(own),
  );
  return steps;
}

function whatIsBehind(): readonly Step[] {
  return [jump.equal(ICMPV6, 'icmpv6'), jump.equal(UDP, 'udp6')];
}

/** One header of the chain. Before, A is its type. Afterwards, A is the type of the next header. */
function extension(index: number): readonly Step[] {
  const at = (what: string) => `${what}-${index}`;
  return [
    ...whatIsBehind(),
    jump.equal(FRAGMENT, at('fragment')),
    jump.equal(AUTHENTICATION, at('authentication')),
    ...EXTENSIONS.map((type) => jump.equal(type, at('options'))),
    ...verdicts, // each round has its own verdicts, because a jump has a short range
    at('fragment'),
    ...hasLengthBehindX(8),
    load.halfAtX(2),
    jump.anyBit(0xfff8, 'pass'),
    jump.anyBit(MORE_FRAGMENTS, undefined, at('whole')),
    load.byteAtX(0),
    ...CONTINUES.map((type) => jump.equal(type, 'drop')),
    at('whole'),
    load.number(1),
    change.toCell(IN_FRAGMENT),
    load.byteAtX(0),
    change.toCell(NEXT),
    load.number(8),
    jump.always(at('step')),
    at('authentication'),
    ...hasLengthBehindX(8),
    load.byteAtX(0),
    change.toCell(NEXT),
    load.byteAtX(1),
    change.add(2),
    change.shiftLeft(2),
    jump.always(at('step')),
    at('options'),
    ...hasLengthBehindX(8),
    load.byteAtX(0),
    change.toCell(NEXT),
    load.byteAtX(1),
    change.add(1),
    change.shiftLeft(3),
    jump.always(at('step')),
    at('step'),
    change.addX(),
    change.toX(),
    load.cell(NEXT),
  ];
}
