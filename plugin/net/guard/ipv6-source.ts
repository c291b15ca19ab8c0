/**
 * The steps that bind a container to its own IPv6 addresses at `guard=full`. They check the source
 * of its packets, and the neighbour advertisements (RFC 4861 §4.4) that say who has an address.
 *
 * An address made of the container's MAC (RFC 4291 appendix A) is its own with every prefix. Its
 * kernel makes such addresses when a router tells another prefix. A token (`token=`) is used
 * likewise.
 */
import { jump, load, type Step } from '../bpf-assembler.ts';
import type { Mac } from '../../wire/address.ts';
import { interfaceIdOf, IPV6_ANY, ipv6ToBytes, type Ipv6 } from '../../wire/address6.ts';
import { hasLength, hasLengthBehindX, PAYLOAD_AT, verdicts } from './frame-steps.ts';

export interface OwnIpv6 {
  readonly mac: Mac;
  /** An interface identifier that is its own with every prefix, but not in link-local addresses. */
  readonly token?: Ipv6 | undefined;
  /** The others. */
  readonly addresses: readonly Ipv6[];
}

const SOURCE_AT = PAYLOAD_AT + 8;
const HEADER_END = PAYLOAD_AT + 40;
const TARGET_AT = 8;
const ADDRESS_LENGTH = 16;
/** The first 32 bits of fe80::/64. */
const LINK_LOCAL = 0xfe800000;

/**
 * Drops a packet from another address. A host without an address yet sends from `::` (RFC 4862
 * §5.4.2).
 */
export function hasOwnSource(own: OwnIpv6): readonly Step[] {
  return [
    ...hasLength(HEADER_END),
    ...isOneOf(own, load.word, SOURCE_AT, 'own-source'),
    ...isAddress(IPV6_ANY, load.word, SOURCE_AT, 'own-source', 'any'),
    jump.always('drop'),
    ...verdicts,
    'own-source',
  ];
}

/** Goes to `then` if the packet comes from `::`. */
export function comesFromNone(then: string): readonly Step[] {
  return isAddress(IPV6_ANY, load.word, SOURCE_AT, then, 'from-some');
}

/** X is where the advertisement or solicitation begins. Ends with a verdict. */
export function hasOwnTarget(own: OwnIpv6): readonly Step[] {
  return [
    ...hasLengthBehindX(TARGET_AT + ADDRESS_LENGTH),
    ...isOneOf(own, load.wordAtX, TARGET_AT, 'pass'),
    jump.always('drop'),
    ...verdicts,
  ];
}

type LoadWord = (at: number) => Step;

function isOneOf(own: OwnIpv6, word: LoadWord, at: number, then: string): readonly Step[] {
  const tokenSteps =
    own.token === undefined
      ? []
      : [
          word(at),
          jump.equal(LINK_LOCAL, 'not-of-token'),
          ...hasInterfaceId(own.token, word, at, then, 'not-of-token'),
        ];
  return [
    ...hasInterfaceId(interfaceIdOf(own.mac), word, at, then, 'not-of-mac'),
    ...tokenSteps,
    ...own.addresses.flatMap((address, index) =>
      isAddress(address, word, at, then, `not-${index}`),
    ),
  ];
}

function hasInterfaceId(
  id: Ipv6,
  word: LoadWord,
  at: number,
  then: string,
  otherwise: string,
): readonly Step[] {
  const [high, low] = wordsOf(id).slice(2) as [number, number];
  return [
    word(at + 8),
    jump.equal(high, undefined, otherwise),
    word(at + 12),
    jump.equal(low, then),
    otherwise,
  ];
}

function isAddress(
  address: Ipv6,
  word: LoadWord,
  at: number,
  then: string,
  otherwise: string,
): readonly Step[] {
  const last = 3;
  return [
    ...wordsOf(address).flatMap((value, index) => [
      word(at + 4 * index),
      index === last ? jump.equal(value, then) : jump.equal(value, undefined, otherwise),
    ]),
    otherwise,
  ];
}

function wordsOf(address: Ipv6): readonly number[] {
  const { buffer, byteOffset, byteLength } = ipv6ToBytes(address);
  const view = new DataView(buffer, byteOffset, byteLength);
  return [0, 4, 8, 12].map((at) => view.getUint32(at));
}
