import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEthernet, ETHERTYPE_IPV6 } from '../../../plugin/wire/ethernet.ts';
import { PROTOCOL_UDP } from '../../../plugin/wire/ipv4.ts';
import {
  decodeHopByHop,
  decodeIpv6,
  encodeIpv6,
  encodeMldAlert,
  NEXT_HEADER_ICMPV6,
  upperLayerChecksum,
} from '../../../plugin/wire/ipv6.ts';
import { MalformedError } from '../../../plugin/wire/malformed-error.ts';
import { decodeUdp, encodeUdp } from '../../../plugin/wire/udp.ts';
import { readFixture } from '../../fixtures/read-fixture.ts';
import { ip6 } from '../../support/frames/messages.ts';

const addresses = { family: 6, source: ip6('fe80::1'), destination: ip6('ff02::1') } as const;
const ready = { checksumReady: true };
const capturedPacket = (name: string) => decodeEthernet(readFixture(name)).payload;

describe('IPv6 (RFC 8200)', () => {
  it('decodes the captured RA of radvd', () => {
    const frame = decodeEthernet(readFixture('ra-radvd-managed-rio'));
    expect(frame.etherType).toBe(ETHERTYPE_IPV6);
    const packet = decodeIpv6(frame.payload);
    expect(packet).toMatchObject({
      source: 'fe80::b094:9cff:feb6:3acc',
      destination: 'fe80::ff:fe00:501',
      nextHeader: NEXT_HEADER_ICMPV6,
      hopLimit: 255,
    });
    expect(packet.payload).toHaveLength(0x80);
    expect(upperLayerChecksum(packet, NEXT_HEADER_ICMPV6, packet.payload)).toBe(0);
  });

  it('encodes what it decodes, flow label apart', () => {
    const packet = Uint8Array.from(capturedPacket('ra-radvd-managed-rio'));
    packet.set([0x60, 0, 0, 0]);
    expect(encodeIpv6(decodeIpv6(packet))).toEqual(packet);
  });

  it('cuts the padding of Ethernet off', () => {
    const bytes = encodeIpv6({
      ...addresses,
      nextHeader: 59,
      hopLimit: 1,
      payload: Uint8Array.of(7),
    });
    expect(decodeIpv6(Uint8Array.of(...bytes, 0, 0, 0)).payload).toEqual(Uint8Array.of(7));
  });

  it.each([
    ['version 4', (bytes: Uint8Array) => bytes.fill(0x45, 0, 1), 'IPv6 version'],
    [
      'a length past the end',
      (bytes: Uint8Array) => bytes.fill(1, 5, 6),
      'IPv6 payload: truncated',
    ],
    ['39 octets', (bytes: Uint8Array) => bytes.subarray(0, 39), 'IPv6 destination: truncated'],
  ])('refuses %s', (_, change, what) => {
    const bytes = encodeIpv6({
      ...addresses,
      nextHeader: 59,
      hopLimit: 1,
      payload: new Uint8Array(0),
    });
    expect(() => decodeIpv6(change(bytes))).toThrow(expect.objectContaining({ what }));
  });
});

describe('hop-by-hop options (RFC 8200 §4.3)', () => {
  it('carry the router alert of MLD (RFC 2711)', () => {
    const bytes = encodeMldAlert(NEXT_HEADER_ICMPV6, Uint8Array.of(143));
    expect([...bytes]).toEqual([58, 0, 5, 2, 0, 0, 1, 0, 143]);
    expect(decodeHopByHop(bytes)).toEqual({
      nextHeader: NEXT_HEADER_ICMPV6,
      hasMldAlert: true,
      payload: Uint8Array.of(143),
    });
  });

  it.each([
    ['padding only', [58, 0, 1, 4, 0, 0, 0, 0]],
    ['six times Pad1', [58, 0, 0, 0, 0, 0, 0, 0]],
    ['the router alert of RSVP', [58, 0, 5, 2, 0, 1, 0, 0]],
    ['an unknown option that may be skipped', [58, 0, 0x1e, 4, 1, 2, 3, 4]],
  ])('%s is no alert of MLD', (_, octets) => {
    expect(decodeHopByHop(Uint8Array.from(octets))).toMatchObject({ hasMldAlert: false });
  });

  it.each([
    ['a length past the end', [58, 1, 0, 0, 0, 0, 0, 0]],
    ['an option past the end of the header', [58, 0, 1, 5, 0, 0, 0, 0, 0]],
    ['an option without a length', [58, 0, 0, 0, 0, 0, 0, 1]],
    ['a router alert of one octet', [58, 0, 5, 1, 0, 0, 0, 0]],
    ['an unknown option that must not be skipped', [58, 0, 0x5e, 4, 1, 2, 3, 4]],
  ])('refuses %s', (_, octets) => {
    expect(() => decodeHopByHop(Uint8Array.from(octets))).toThrow(MalformedError);
  });
});

describe('UDP over IPv6 (RFC 8200 §8.1)', () => {
  it('encodes what it decodes of a captured ADVERTISE of Kea', () => {
    const packet = decodeIpv6(capturedPacket('advertise-kea'));
    expect(packet.nextHeader).toBe(PROTOCOL_UDP);
    const between = { family: 6, ...packet } as const;
    const datagram = decodeUdp(packet.payload, between, ready);
    expect(datagram).toMatchObject({ sourcePort: 547, destinationPort: 546 });
    expect(encodeUdp(datagram, between)).toEqual(packet.payload);
  });

  it.each([
    ['0, which only IPv4 allows', [0, 0]],
    ['that is wrong', [0x12, 0x34]],
  ])('refuses a checksum %s', (_, octets) => {
    const bytes = encodeUdp(
      { sourcePort: 547, destinationPort: 546, payload: new Uint8Array(3) },
      addresses,
    );
    expect(decodeUdp(bytes, addresses, ready)).toMatchObject({ sourcePort: 547 });
    bytes.set(octets, 6);
    expect(() => decodeUdp(bytes, addresses, ready)).toThrow(MalformedError);
    expect(decodeUdp(bytes, addresses, { checksumReady: false })).toMatchObject({
      sourcePort: 547,
    });
  });
});

it.each([
  ['IPv6', (bytes: Uint8Array) => decodeIpv6(bytes)],
  ['hop-by-hop options', (bytes: Uint8Array) => decodeHopByHop(bytes)],
  ['UDP', (bytes: Uint8Array) => decodeUdp(bytes, addresses, ready)],
])('random bytes give a value or MalformedError: %s', (_, decode) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        decode(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedError);
      }
    }),
    { numRuns: 300 },
  );
});
