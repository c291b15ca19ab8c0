import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Ipv4 } from '../../../plugin/wire/address.ts';
import { decodeArp, encodeArp } from '../../../plugin/wire/arp.ts';
import { internetChecksum } from '../../../plugin/wire/checksum.ts';
import { decodeEthernet, encodeEthernet } from '../../../plugin/wire/ethernet.ts';
import { decodeIpv4, encodeIpv4, PROTOCOL_UDP } from '../../../plugin/wire/ipv4.ts';
import { MalformedError } from '../../../plugin/wire/malformed-error.ts';
import { decodeUdp, encodeUdp } from '../../../plugin/wire/udp.ts';
import { readFixture } from '../../fixtures/read-fixture.ts';
import { ip, mac } from '../../support/frames/messages.ts';

const addresses = { source: ip('192.0.2.1'), destination: ip('192.0.2.50') };
const ready = { checksumReady: true };

/** A copy with these octets at `offset`. */
function patched(bytes: Uint8Array, offset: number, ...octets: number[]): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy.set(octets, offset);
  return copy;
}

/** A valid IPv4 packet with these octets at `offset` and a right header checksum. */
function reheadered(packet: Uint8Array, offset: number, ...octets: number[]): Uint8Array {
  const header = patched(patched(packet, offset, ...octets), 10, 0, 0);
  const checksum = internetChecksum(header.subarray(0, (header[0]! & 0x0f) * 4));
  return patched(header, 10, checksum >> 8, checksum & 0xff);
}

describe('internetChecksum (RFC 1071)', () => {
  it('gives the sum of the example in §3', () => {
    const bytes = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
    expect(internetChecksum(bytes)).toBe(0xffff - 0xddf2);
  });

  it('pads an odd part with a zero octet', () => {
    expect(internetChecksum(Uint8Array.of(1))).toBe(0xffff - 0x0100);
  });

  it('is zero over a captured IPv4 header that carries its own', () => {
    expect(internetChecksum(readFixture('kea-ack').subarray(14, 34))).toBe(0);
  });
});

describe('Ethernet', () => {
  it('encodes what it decodes', () => {
    const frame = readFixture('dnsmasq-offer');
    const decoded = decodeEthernet(frame);
    expect(decoded).toMatchObject({
      destination: '02:00:00:00:00:c1',
      source: '02:00:00:00:00:01',
      etherType: 0x0800,
    });
    expect(encodeEthernet(decoded)).toEqual(frame);
  });

  it('refuses a truncated header', () => {
    expect(() => decodeEthernet(new Uint8Array(13))).toThrow(MalformedError);
  });
});

describe('IPv4 (RFC 791)', () => {
  const packet = encodeIpv4({
    ...addresses,
    protocol: PROTOCOL_UDP,
    payload: Uint8Array.of(1, 2, 3, 4),
  });

  it('decodes what it encodes', () => {
    expect(decodeIpv4(packet)).toEqual({
      ...addresses,
      protocol: PROTOCOL_UDP,
      payload: Uint8Array.of(1, 2, 3, 4),
    });
  });

  it('cuts off Ethernet padding', () => {
    const padded = Uint8Array.from([...packet, 0, 0, 0, 0, 0]);
    expect(decodeIpv4(padded).payload).toEqual(Uint8Array.of(1, 2, 3, 4));
  });

  it('skips header options', () => {
    const withOptions = Uint8Array.from([
      ...packet.subarray(0, 20),
      ...[1, 1, 1, 0],
      ...packet.subarray(20),
    ]);
    const fixed = reheadered(patched(withOptions, 0, 0x46), 2, 0, 28);
    expect(decodeIpv4(fixed).payload).toEqual(Uint8Array.of(1, 2, 3, 4));
  });

  it('accepts Don’t Fragment, set or clear', () => {
    expect(() => decodeIpv4(reheadered(packet, 6, 0, 0))).not.toThrow();
    expect(packet[6]).toBe(0x40);
  });

  it.each([
    ['version 6', reheadered(packet, 0, 0x65), 'IPv4 version'],
    ['a header of 16 octets', patched(packet, 0, 0x44), 'IPv4 header length'],
    ['a header longer than the packet', patched(packet, 0, 0x4f), 'IPv4 header length'],
    ['a total length below the header', reheadered(packet, 2, 0, 19), 'IPv4 total length'],
    ['a total length past the end', reheadered(packet, 2, 0, 25), 'IPv4 total length'],
    ['a wrong header checksum', patched(packet, 8, 63), 'IPv4 header checksum'],
    ['a first fragment (MF)', reheadered(packet, 6, 0x20, 0), 'IPv4 fragment'],
    ['a later fragment', reheadered(packet, 6, 0, 1), 'IPv4 fragment'],
    ['nothing', new Uint8Array(0), 'IPv4 version: truncated'],
    ['one octet', packet.subarray(0, 1), 'IPv4 header length'],
  ])('refuses %s', (_, bytes, what) => {
    expect(() => decodeIpv4(bytes)).toThrow(expect.objectContaining({ what }));
  });
});

describe('UDP (RFC 768)', () => {
  const datagram = { sourcePort: 67, destinationPort: 68, payload: Uint8Array.of(1, 2, 3) };
  const bytes = encodeUdp(datagram, addresses);

  it('decodes what it encodes, an odd length included', () => {
    expect(decodeUdp(bytes, addresses, ready)).toEqual(datagram);
  });

  it('cuts off what follows the datagram', () => {
    expect(decodeUdp(Uint8Array.from([...bytes, 9, 9]), addresses, ready)).toEqual(datagram);
  });

  it('accepts checksum 0: the sender made none', () => {
    expect(decodeUdp(patched(bytes, 6, 0, 0), addresses, ready)).toEqual(datagram);
  });

  it('does not look at a checksum that was left to hardware (TP_STATUS_CSUMNOTREADY)', () => {
    const broken = patched(bytes, 6, 0x12, 0x34);
    expect(() => decodeUdp(broken, addresses, ready)).toThrow(MalformedError);
    expect(decodeUdp(broken, addresses, { checksumReady: false })).toEqual(datagram);
  });

  it('covers the addresses by the checksum', () => {
    const elsewhere: { source: Ipv4; destination: Ipv4 } = {
      ...addresses,
      source: ip('192.0.2.2'),
    };
    expect(() => decodeUdp(bytes, elsewhere, ready)).toThrow(MalformedError);
  });

  it('sends a computed checksum of 0 as all ones', () => {
    // The payload makes the checksum zero: it is the complement of everything else.
    const zero = encodeUdp({ ...datagram, payload: Uint8Array.of(0, 0) }, addresses);
    const fill = patched(zero, 8, zero[6]!, zero[7]!).subarray(8);
    const full = encodeUdp({ ...datagram, payload: fill }, addresses);
    expect(Array.from(full.subarray(6, 8))).toEqual([0xff, 0xff]);
    expect(decodeUdp(full, addresses, ready).payload).toEqual(fill);
  });

  it.each([
    ['a length below 8', patched(bytes, 4, 0, 7)],
    ['a length past the end', patched(bytes, 4, 0, 12)],
    ['a truncated header', bytes.subarray(0, 7)],
  ])('refuses %s', (_, broken) => {
    expect(() => decodeUdp(broken, addresses, ready)).toThrow(MalformedError);
  });
});

describe('ARP (RFC 826)', () => {
  const packet = {
    operation: 'request',
    senderMac: mac('02:00:00:00:00:c1'),
    senderAddress: ip('0.0.0.0'),
    targetMac: mac('00:00:00:00:00:00'),
    targetAddress: ip('192.0.2.50'),
  } as const;
  const bytes = encodeArp(packet);

  it.each(['request', 'reply'] as const)('decodes what it encodes: %s', (operation) => {
    expect(decodeArp(encodeArp({ ...packet, operation }))).toEqual({ ...packet, operation });
  });

  it.each([
    ['hardware that is not Ethernet', patched(bytes, 1, 6), 'ar$hrd'],
    ['a protocol that is not IPv4', patched(bytes, 2, 0x86), 'ar$pro'],
    ['a hardware length that is not 6', patched(bytes, 4, 8), 'ar$hln'],
    ['a protocol length that is not 4', patched(bytes, 5, 16), 'ar$pln'],
    ['operation 0', patched(bytes, 6, 0, 0), 'ar$op'],
    ['operation 3 (RARP)', patched(bytes, 6, 0, 3), 'ar$op'],
    ['a truncated packet', bytes.subarray(0, 27), 'ar$tpa: truncated'],
  ])('refuses %s', (_, broken, what) => {
    expect(() => decodeArp(broken)).toThrow(expect.objectContaining({ what }));
  });
});

describe('every decoder', () => {
  it.each([
    ['Ethernet', (bytes: Uint8Array) => decodeEthernet(bytes)],
    ['IPv4', (bytes: Uint8Array) => decodeIpv4(bytes)],
    ['UDP', (bytes: Uint8Array) => decodeUdp(bytes, addresses, ready)],
    ['ARP', (bytes: Uint8Array) => decodeArp(bytes)],
  ])('gives a value or MalformedError for random bytes: %s', (_, decode) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedError);
        }
      }),
      { numRuns: 200 },
    );
  });
});
