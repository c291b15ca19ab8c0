/**
 * What a container may not send by IPv6 at `guard=mac`, as steps of a program: router advertisements, redirects, and what
 * a DHCPv6 server says, also where they hide behind extension headers (RFC 7113) or in fragments (RFC 7112).
 */
import { change, jump, load, type Step } from './bpf-assembler.ts';

export const PAYLOAD_AT = 14;
export const UDP = 17;
export const UDP_LENGTH = 8;
const IPV6_LENGTH = 40;
const ICMPV6 = 58;
const ROUTER_ADVERTISEMENT = 134;
const REDIRECT = 137;
const DHCPV6 = { server: 547, client: 546 } as const;
/** Hop-by-hop, routing, destination options, mobility, HIP, shim6: the second byte is the length in 8 bytes. */
const EXTENSIONS = [0, 43, 60, 135, 139, 140];
const FRAGMENT = 44;
const AUTHENTICATION = 51;
/** Real packets have one or two; a longer chain is made to hide what is behind it (RFC 7113). */
const EXTENSIONS_AT_MOST = 4;

/**
 * Follows the extension headers: M[0] has the next header, X is where it begins. A first fragment that does not hold
 * the whole chain is dropped (RFC 7112), a later one passes.
 */
export function noRouterNorDhcpv6Server(): readonly Step[] {
  const steps: Step[] = [
    ...hasLength(PAYLOAD_AT + IPV6_LENGTH),
    load.numberToX(PAYLOAD_AT + IPV6_LENGTH),
    load.byte(PAYLOAD_AT + 6),
  ];
  for (let index = 0; index < EXTENSIONS_AT_MOST; index += 1) steps.push(...extension(index));
  steps.push(
    // Behind the longest chain only an end is accepted.
    ...whatIsBehind(),
    ...[...EXTENSIONS, FRAGMENT, AUTHENTICATION].map((type) => jump.equal(type, 'drop')),
    jump.always('pass'),
    'icmpv6',
    ...hasLengthBehindX(1),
    load.byteAtX(0),
    jump.equal(ROUTER_ADVERTISEMENT, 'drop'),
    jump.equal(REDIRECT, 'drop', 'pass'),
    'udp6',
    ...hasLengthBehindX(UDP_LENGTH),
    load.halfAtX(0),
    jump.equal(DHCPV6.server, 'drop'),
    load.halfAtX(2),
    jump.equal(DHCPV6.client, 'drop', 'pass'),
  );
  return steps;
}

function whatIsBehind(): readonly Step[] {
  return [jump.equal(ICMPV6, 'icmpv6'), jump.equal(UDP, 'udp6')];
}

/** One header of the chain; A is its type, and that of the next one afterwards. */
function extension(index: number): readonly Step[] {
  const at = (what: string) => `${what}-${index}`;
  return [
    ...whatIsBehind(),
    jump.equal(FRAGMENT, at('fragment')),
    jump.equal(AUTHENTICATION, at('authentication')),
    ...EXTENSIONS.map((type) => jump.equal(type, at('options'))),
    jump.always('pass'),
    at('fragment'),
    ...hasLengthBehindX(8),
    load.halfAtX(2),
    jump.anyBit(0xfff8, 'pass'),
    load.byteAtX(0),
    change.toCell(0),
    load.number(8),
    jump.always(at('step')),
    at('authentication'),
    ...hasLengthBehindX(8),
    load.byteAtX(0),
    change.toCell(0),
    load.byteAtX(1),
    change.add(2),
    change.shiftLeft(2),
    jump.always(at('step')),
    at('options'),
    ...hasLengthBehindX(8),
    load.byteAtX(0),
    change.toCell(0),
    load.byteAtX(1),
    change.add(1),
    change.shiftLeft(3),
    jump.always(at('step')),
    at('step'),
    change.addX(),
    change.toX(),
    load.cell(0),
  ];
}

/** Drops a frame that is shorter. */
export function hasLength(bytes: number): readonly Step[] {
  return [load.length(), jump.atLeast(bytes, undefined, 'drop')];
}

/** Drops unless the frame goes on for at least that many bytes from X on. */
export function hasLengthBehindX(bytes: number): readonly Step[] {
  return [
    // What lies behind the end has no length: A would wrap around.
    load.length(),
    change.subtractX(),
    jump.anyBit(0x80000000, 'drop'),
    jump.atLeast(bytes, undefined, 'drop'),
  ];
}
