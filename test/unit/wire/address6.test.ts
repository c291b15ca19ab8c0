import { isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatSubnet6,
  interfaceIdOf,
  ipv6FromBytes,
  ipv6ToBytes,
  isLinkLocal,
  isMulticast,
  joinAddress,
  linkLocalOf,
  multicastMacOf,
  parseCidr6,
  parseIpv6,
  parseSubnet6,
  solicitedNodeOf,
  subnet6Has,
} from '../../../plugin/wire/address6.ts';
import { ip6, mac } from '../../support/frames/messages.ts';

describe('IPv6 addresses', () => {
  it.each([
    ['2001:0db8:0:0:1:0:0:1', '2001:db8::1:0:0:1', '§4.2.3: the first of equal runs'],
    ['2001:db8:0:0:1:0:0:0', '2001:db8:0:0:1::', '§4.2.3: the longest run'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1', '§4.2.2: never one group'],
    ['2001:DB8::AbCd', '2001:db8::abcd', '§4.3: lower case'],
    ['0:0:0:0:0:0:0:0', '::', 'all zeros'],
    ['0:0:0:0:0:0:0:1', '::1', 'the loopback address'],
    ['1::', '1::', 'zeros at the end'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0', 'one group may be read as ::'],
    ['::ffff:c000:201', '::ffff:192.0.2.1', '§5: an IPv4-mapped address'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201', 'a dotted tail'],
  ])('%s is %s (RFC 5952 %s)', (text, canonical) => {
    expect(parseIpv6(text)).toBe(canonical);
    expect(parseIpv6(canonical)).toBe(canonical);
  });

  it.each([
    '',
    ':',
    ':::',
    '1',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4::5:6:7:8',
    '1::2::3',
    ':1:2:3:4:5:6:7:8',
    '1:2:3:4:5:6:7:',
    '12345::',
    'g::',
    '::1%eth0',
    '::1/64',
    ' ::1',
    '192.0.2.1',
    '::192.0.2.256',
    '1:2:3:4:5:6:7:192.0.2.1',
    '::192.0.2.1:1',
  ])('refuses "%s"', (text) => {
    expect(parseIpv6(text)).toBeUndefined();
  });

  it('reads exactly what Node reads, zones apart', () => {
    const piece = fc.constantFrom('0', '1', 'abcd', 'FFFF', '00001', ':', '::', '.', '1.2.3.4', '');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.boolean(), (pieces, isJoined) => {
        const text = pieces.join(isJoined ? ':' : '');
        expect([text, parseIpv6(text) !== undefined]).toEqual([text, isIPv6(text)]);
      }),
      { numRuns: 2000 },
    );
  });

  it('are the same as bytes and text', () => {
    const octet = fc.oneof(fc.constant(0), fc.nat(255));
    fc.assert(
      fc.property(fc.array(octet, { minLength: 16, maxLength: 16 }), (octets) => {
        const bytes = Uint8Array.from(octets);
        const address = ipv6FromBytes(bytes);
        expect(parseIpv6(address)).toBe(address);
        expect(ipv6ToBytes(address)).toEqual(bytes);
        // The WHATWG URL parser compresses as RFC 5952 does, but knows no dotted tail.
        if (!address.includes('.'))
          expect(new URL(`http://[${address}]`).host).toBe(`[${address}]`);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['fe80::1', true, false],
    ['febf::1', true, false],
    ['fec0::1', false, false],
    ['fe8::1', false, false],
    ['ff02::1', false, true],
    ['ff::1', false, false],
    ['2001:db8::1', false, false],
    ['::', false, false],
  ])('%s is link-local: %s, multicast: %s', (text, linkLocal, multicast) => {
    expect([isLinkLocal(ip6(text)), isMulticast(ip6(text))]).toEqual([linkLocal, multicast]);
  });
});

describe('what a MAC gives', () => {
  // The addresses that radvd's host in the captured frames made of its MAC.
  const router = mac('b2:94:9c:b6:3a:cc');

  it('is an interface identifier and a link-local address (RFC 4291 Appendix A)', () => {
    expect(interfaceIdOf(router)).toBe('::b094:9cff:feb6:3acc');
    expect(linkLocalOf(router)).toBe('fe80::b094:9cff:feb6:3acc');
  });

  it('and an address has its solicited-node group and the MAC of that group (RFC 2464 §7)', () => {
    const group = solicitedNodeOf(linkLocalOf(router));
    expect(group).toBe('ff02::1:ffb6:3acc');
    expect(multicastMacOf(group)).toBe('33:33:ff:b6:3a:cc');
  });
});

describe('IPv6 subnets', () => {
  it.each([
    ['2001:db8:500::77/64', '2001:db8:500::/64'],
    ['2001:db8:5ff:ffff::1/41', '2001:db8:580::/41'],
    ['2001:db8::1/0', '::/0'],
    ['2001:db8::1/128', '2001:db8::1/128'],
  ])('%s lies in %s', (text, expected) => {
    const subnet = parseSubnet6(text)!;
    expect(formatSubnet6(subnet)).toBe(expected);
    expect(subnet6Has(subnet, parseCidr6(text)!.address)).toBe(true);
  });

  it('do not have the address after their last', () => {
    const subnet = parseSubnet6('2001:db8:500::/63')!;
    expect(subnet6Has(subnet, ip6('2001:db8:500:1:ffff:ffff:ffff:ffff'))).toBe(true);
    expect(subnet6Has(subnet, ip6('2001:db8:500:2::'))).toBe(false);
  });

  it.each(['2001:db8::', '2001:db8::/', '::/129', '::/064', '::/64/64', '192.0.2.0/24', '::/-1'])(
    'refuses "%s"',
    (text) => {
      expect(parseSubnet6(text)).toBeUndefined();
      expect(parseCidr6(text)).toBeUndefined();
    },
  );

  it('and a host identifier make an address', () => {
    expect(joinAddress(ip6('2001:db8:500::ffff'), 64, ip6('fe80::53'))).toBe('2001:db8:500::53');
  });
});
