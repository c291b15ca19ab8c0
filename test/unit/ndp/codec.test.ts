// RFC 4861 §6.1, §7.1; RFC 4191; RFC 8106: each check by itself, and options that break their
// format.
import { describe, expect, it } from 'vitest';
import { decodeNdpFrame, encodeNdpFrame } from '../../../plugin/ndp/frame.ts';
import { decodeListenerReport } from '../../../plugin/ndp/listener-report.ts';
import type { RouterAdvertisement } from '../../../plugin/ndp/message.ts';
import { decodeOptions, encodeOptions } from '../../../plugin/ndp/options.ts';
import { MalformedError } from '../../../plugin/wire/malformed-error.ts';
import { readFixture } from '../../fixtures/read-fixture.ts';
import { CLIENT_MAC, ip6 } from '../../support/frames/messages.ts';
import { advertisement, frame } from './ndp-messages.ts';

const ready = { checksumReady: true };
const unready = { checksumReady: false };
const IPV6 = 14;
const ICMP = IPV6 + 40;
const sourceLinkLayer = { type: 'source-link-layer', mac: CLIENT_MAC } as const;
const solicitation = {
  type: 'neighbor-solicitation',
  target: ip6('fe80::9'),
  options: [],
} as const;
const answer = {
  type: 'neighbor-advertisement',
  isRouter: true,
  isSolicited: true,
  isOverride: true,
  target: ip6('fe80::9'),
  options: [],
} as const;

function patched(bytes: Uint8Array, offset: number, ...octets: number[]): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy.set(octets, offset);
  return copy;
}

describe('a frame', () => {
  const valid = encodeNdpFrame(advertisement());

  it.each([
    ['another EtherType', patched(valid, 12, 0x08, 0x00), 'EtherType'],
    ['another next header', patched(valid, IPV6 + 6, 17), 'IPv6 next header'],
    ['a fragment header', patched(valid, IPV6 + 6, 44), 'IPv6 next header'],
    ['a hop limit of 254', patched(valid, IPV6 + 7, 254), 'IPv6 hop limit'],
    ['a multicast source', patched(valid, IPV6 + 8, 0xff, 0x02), 'IPv6 source'],
    ['an RA from a global address', patched(valid, IPV6 + 8, 0x20, 0x01), 'RA source'],
    ['another type of ICMPv6', patched(valid, ICMP, 137), 'ICMPv6 type'],
    ['a code', patched(valid, ICMP + 1, 1), 'ICMPv6 code'],
    ['an RA of 15 octets', patched(valid, IPV6 + 4, 0, 15), 'RA retrans timer: truncated'],
  ])('with %s is refused', (_, bytes, what) => {
    expect(decodeNdpFrame(valid, ready)).toEqual(advertisement());
    expect(() => decodeNdpFrame(bytes, unready)).toThrow(expect.objectContaining({ what }));
  });

  it('with a wrong checksum is refused, unless the sender left it to hardware', () => {
    const bytes = patched(valid, ICMP + 2, 0x12, 0x34);
    expect(() => decodeNdpFrame(bytes, ready)).toThrow(MalformedError);
    expect(decodeNdpFrame(bytes, unready)).toEqual(advertisement());
  });

  it.each([
    [
      'RS from :: that says who it is',
      frame('::', 'ff02::2', { type: 'router-solicitation', options: [sourceLinkLayer] }),
    ],
    [
      'NS from :: that says who it is',
      frame('::', 'ff02::1:ff00:9', { ...solicitation, options: [sourceLinkLayer] }),
    ],
    ['NS from :: to another group', frame('::', 'ff02::1:ff00:8', solicitation)],
    [
      'NS for a multicast address',
      frame('fe80::2', 'fe80::9', { ...solicitation, target: ip6('ff02::1') }),
    ],
    [
      'NA for a multicast address',
      frame('fe80::9', 'fe80::2', { ...answer, target: ip6('ff02::1') }),
    ],
    ['NA to all nodes that is solicited', frame('fe80::9', 'ff02::1', answer)],
  ])('with an %s is refused', (_, wrong) => {
    expect(() => decodeNdpFrame(encodeNdpFrame(wrong), ready)).toThrow(MalformedError);
  });

  it.each([
    ['RS from ::', frame('::', 'ff02::2', { type: 'router-solicitation', options: [] })],
    [
      'RS',
      frame('fe80::2', 'ff02::2', { type: 'router-solicitation', options: [sourceLinkLayer] }),
    ],
    ['NS from ::', frame('::', 'ff02::1:ff00:9', solicitation)],
    ['NS', frame('2001:db8::2', 'fe80::9', { ...solicitation, options: [sourceLinkLayer] })],
    ['NA', frame('fe80::9', 'fe80::2', answer)],
    ['NA to all nodes', frame('fe80::9', 'ff02::1', { ...answer, isSolicited: false })],
    [
      'NA without flags',
      frame('fe80::9', 'fe80::2', {
        ...answer,
        isRouter: false,
        isSolicited: false,
        isOverride: false,
      }),
    ],
  ])('with an %s decodes to what it was', (_, right) => {
    expect(decodeNdpFrame(encodeNdpFrame(right), ready)).toEqual(right);
  });
});

describe('the router preference (RFC 4191 §2.2)', () => {
  it.each([
    [0b00, 1800, 'medium'],
    [0b01, 1800, 'high'],
    [0b11, 1800, 'low'],
    [0b10, 1800, 'medium'],
    [0b01, 0, 'medium'],
  ])('bits %i with router lifetime %i are %s', (bits, routerLifetime, preference) => {
    const bytes = patched(encodeNdpFrame(advertisement({ routerLifetime })), ICMP + 5, bits << 3);
    expect(decodeNdpFrame(bytes, unready).message).toMatchObject({ preference });
  });

  it.each([
    ['high', 0x08],
    ['low', 0x18],
  ] as const)('%s is encoded with M, O and the other flags', (preference, bits) => {
    const parts = { preference, isManaged: true, hasOtherConfig: true, otherFlags: 0x20 };
    const bytes = encodeNdpFrame(advertisement(parts));
    expect(bytes[ICMP + 5]).toBe(0xe0 | bits);
    expect(decodeNdpFrame(bytes, ready).message as RouterAdvertisement).toMatchObject(parts);
  });
});

describe('options', () => {
  const decode = (...octets: number[]) => decodeOptions(Uint8Array.from(octets), 16);
  const zeros = (count: number) => Array.from({ length: count }, () => 0);

  it.each([
    ['a length of 0', [200, 0, 0, 0, 0, 0, 0, 0]],
    ['a length past the end', [1, 2, 0, 0, 0, 0, 0, 0]],
    ['no length', [...[200, 1], ...zeros(6), 1]],
  ])('with %s spoil the packet (RFC 4861 §4.6)', (_, octets) => {
    expect(() => decode(...octets)).toThrow(MalformedError);
  });

  it.each([
    ['a link-layer address of 14 octets', [1, 2, ...zeros(14)]],
    ['a prefix of 8 octets', [3, 1, ...zeros(6)]],
    ['a prefix length of 129', [3, 4, 129, ...zeros(29)]],
    ['an MTU of 16 octets', [5, 2, ...zeros(14)]],
    ['a route of length 129', [24, 3, 129, ...zeros(21)]],
    ['a route with less prefix than its length', [24, 2, 65, ...zeros(13)]],
    ['a route of 32 octets', [24, 4, 64, ...zeros(29)]],
    ['a route with the reserved preference', [24, 2, 64, 0x10, ...zeros(12)]],
    ['no DNS server', [25, 1, ...zeros(6)]],
    ['one and a half DNS servers', [25, 4, ...zeros(30)]],
    ['no domain name', [31, 2, ...zeros(14)]],
    [
      'a domain name without an end',
      [31, 2, ...zeros(6), 7, ...Array.from('example', (l) => l.charCodeAt(0))],
    ],
    ['a domain name past the end', [31, 2, ...zeros(6), 9, 97, 98, 0, 0, 0, 0, 0]],
    ['a compressed domain name', [31, 2, ...zeros(6), 0xc0, 0, 0, 0, 0, 0, 0, 0]],
    ['a label with a dot', [31, 2, ...zeros(6), 3, 97, 46, 98, 0, 0, 0, 0]],
    ['octets after the padding', [31, 2, ...zeros(6), 1, 97, 0, 0, 1, 97, 0, 0]],
    [
      'a name of 260 octets',
      [
        31,
        34,
        ...zeros(6),
        ...Array.from({ length: 52 }, () => [4, 97, 97, 97, 97]).flat(),
        ...zeros(4),
      ],
    ],
    ['an unknown type', [200, 1, 1, 2, 3, 4, 5, 6]],
  ])('with %s are kept and not understood', (_, octets) => {
    const options = decode(...octets);
    expect(options).toMatchObject([{ type: 'unknown', code: octets[0] }]);
    expect([...encodeOptions(options)]).toEqual(octets);
  });

  it.each([
    [0, [24, 1, 0, 0x08, 0, 0, 0, 9], '::'],
    [64, [24, 2, 64, 0x08, 0, 0, 0, 9, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 1], '2001:db8:0:1::'],
    [1, [24, 2, 1, 0x08, 0, 0, 0, 9, 0xff, ...zeros(7)], '8000::'],
  ])('a route of length %i may be short (RFC 4191 §2.3)', (prefixLength, octets, network) => {
    const subnet = { network, prefixLength };
    expect(decode(...octets)).toEqual([{ type: 'route', subnet, preference: 'high', lifetime: 9 }]);
  });

  it('several names and servers', () => {
    const options = [
      { type: 'dnssl', names: ['a.example', 'b'], lifetime: 7 },
      { type: 'rdnss', servers: [ip6('fe80::1'), ip6('2001:db8::1')], lifetime: 8 },
      { type: 'target-link-layer', mac: CLIENT_MAC },
    ] as const;
    expect(decodeOptions(encodeOptions(options), 0)).toEqual(options);
  });
});

describe('an MLDv2 report', () => {
  const valid = readFixture('linux-listener-report');
  const HOP_BY_HOP = IPV6 + 40;
  const REPORT = HOP_BY_HOP + 8;

  it.each([
    ['another EtherType', patched(valid, 12, 8)],
    ['no hop-by-hop options', patched(valid, IPV6 + 6, 58)],
    ['hop limit 2', patched(valid, IPV6 + 7, 2)],
    ['a global source', patched(valid, IPV6 + 8, 0x20)],
    ['another protocol', patched(valid, HOP_BY_HOP, 17)],
    ['no router alert', patched(valid, HOP_BY_HOP + 2, 1)],
    ['another type', patched(valid, REPORT, 131)],
    ['more records than it has', patched(valid, REPORT + 7, 2)],
    ['a record for a unicast address', patched(valid, REPORT + 12, 0x20)],
    ['more sources than it has', patched(valid, REPORT + 11, 1)],
  ])('with %s is refused', (_, bytes) => {
    expect(() => decodeListenerReport(bytes, unready)).toThrow(MalformedError);
  });

  it('with a wrong checksum is refused', () => {
    expect(() => decodeListenerReport(patched(valid, REPORT + 2, 0), ready)).toThrow(
      MalformedError,
    );
  });

  it.each([
    ['MODE_IS_EXCLUDE', 2, 1],
    ['MODE_IS_INCLUDE', 1, 0],
    ['CHANGE_TO_INCLUDE', 3, 0],
  ])('%s joins or not', (_, type, count) => {
    const report = decodeListenerReport(patched(valid, REPORT + 8, type), unready);
    expect(report.groups).toHaveLength(count);
  });
});
