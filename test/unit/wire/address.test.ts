import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ipv4FromNumber,
  ipv4ToBytes,
  ipv4ToNumber,
  isInSubnet,
  isMulticastMac,
  isUnicastIpv4,
  macFromBytes,
  macToBytes,
  networkOf,
  parseIpv4,
  parseMac,
} from '../../../plugin/wire/address.ts';
import { ip, mac } from '../../support/frames/messages.ts';

describe('IPv4 addresses', () => {
  it.each(['0.0.0.0', '192.0.2.1', '255.255.255.255'])('accepts %s', (text) => {
    expect(parseIpv4(text)).toBe(text);
  });

  it.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '256.1.1.1',
    '1.2.3.4/24',
    ' 1.2.3.4',
    '0x1.2.3.4',
  ])('refuses "%s"', (text) => {
    expect(parseIpv4(text)).toBeUndefined();
  });

  it('are the same as number, bytes and text', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (value) => {
        const address = ipv4FromNumber(value);
        expect(parseIpv4(address)).toBe(address);
        expect(ipv4ToNumber(address)).toBe(value);
        expect(ipv4ToBytes(address)).toHaveLength(4);
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    ['192.0.2.77', 24, '192.0.2.0'],
    ['192.0.2.77', 0, '0.0.0.0'],
    ['192.0.2.77', 32, '192.0.2.77'],
    ['255.255.255.255', 1, '128.0.0.0'],
  ])('%s/%i lies in network %s', (address, prefixLength, network) => {
    expect(networkOf(ip(address), prefixLength)).toBe(network);
    expect(isInSubnet(ip(address), ip(network), prefixLength)).toBe(true);
  });

  it.each([
    ['1.0.0.1', true],
    ['223.255.255.254', true],
    ['0.0.0.0', false],
    ['127.0.0.1', false],
    ['224.0.0.1', false],
    ['255.255.255.255', false],
  ])('%s can be a host: %s', (address, expected) => {
    expect(isUnicastIpv4(ip(address))).toBe(expected);
  });
});

describe('MAC addresses', () => {
  it('have one canonical text', () => {
    expect(parseMac('02-AB-cd-00-00-01')).toBe('02:ab:cd:00:00:01');
    expect(parseMac('02:ab:cd:00:00')).toBeUndefined();
    expect(macFromBytes(macToBytes(mac('02:ab:cd:00:00:01')))).toBe('02:ab:cd:00:00:01');
  });

  it('are group addresses by their lowest bit', () => {
    expect(isMulticastMac(mac('01:00:5e:00:00:01'))).toBe(true);
    expect(isMulticastMac(mac('02:00:00:00:00:01'))).toBe(false);
  });
});
