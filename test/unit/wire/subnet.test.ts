import { describe, expect, it } from 'vitest';
import {
  firstHostOf,
  formatSubnet,
  isSameSubnet,
  parseCidr,
  parseSubnet,
  subnetHas,
  subnetHasAll,
  subnetsOverlap,
} from '../../../plugin/wire/subnet.ts';
import { ip } from '../../support/frames/messages.ts';

const net = (text: string) => {
  const subnet = parseSubnet(text);
  if (subnet === undefined) throw new Error(`no subnet: ${text}`);
  return subnet;
};

describe('a subnet as text (RFC 4632 §3.1)', () => {
  it.each([
    ['10.50.0.0/24', '10.50.0.0/24'],
    ['10.50.0.77/24', '10.50.0.0/24'],
    ['255.255.255.255/1', '128.0.0.0/1'],
    ['10.0.0.1/0', '0.0.0.0/0'],
    ['192.0.2.1/32', '192.0.2.1/32'],
    ['192.0.2.3/31', '192.0.2.2/31'],
  ])('%s is the subnet %s: host bits do not count', (text, subnet) => {
    expect(formatSubnet(net(text))).toBe(subnet);
  });

  it('an address with its prefix length keeps its host bits', () => {
    expect(parseCidr('10.50.0.77/24')).toEqual({ address: '10.50.0.77', prefixLength: 24 });
  });

  it.each([
    '',
    '10.50.0.0',
    '10.50.0.0/',
    '10.50.0.0/33',
    '10.50.0.0/024',
    '10.50.0.0/-1',
    '10.50.0/24',
    '10.50.0.256/24',
    ' 10.50.0.0/24',
    '10.50.0.0/24\n',
    'fd00::/64',
    '10.50.0.0/24/24',
    '10.50.0.0/2 4',
  ])('%j is none', (text) => {
    expect([parseCidr(text), parseSubnet(text)]).toEqual([undefined, undefined]);
  });
});

describe('what is in a subnet', () => {
  it.each([
    ['10.50.0.0/25', '10.50.0.0', true],
    ['10.50.0.0/25', '10.50.0.127', true],
    ['10.50.0.0/25', '10.50.0.128', false],
    ['10.50.0.128/25', '10.50.0.127', false],
    ['0.0.0.0/0', '255.255.255.255', true],
    ['128.0.0.0/1', '127.255.255.255', false],
    ['192.0.2.1/32', '192.0.2.1', true],
    ['192.0.2.1/32', '192.0.2.0', false],
  ])('%s and the address %s: %s', (subnet, address, has) => {
    expect(subnetHas(net(subnet), ip(address))).toBe(has);
  });

  it.each([
    ['10.50.0.0/24', '10.50.0.0/24', true, true],
    ['10.50.0.0/24', '10.50.0.128/25', true, true],
    ['10.50.0.128/25', '10.50.0.0/24', false, true],
    ['10.50.0.0/25', '10.50.0.128/25', false, false],
    ['10.50.0.0/24', '10.51.0.0/24', false, false],
    ['0.0.0.0/0', '10.51.0.0/24', true, true],
  ])('%s has all of %s: %s; they overlap: %s', (one, other, hasAll, overlap) => {
    expect(subnetHasAll(net(one), net(other))).toBe(hasAll);
    expect(subnetsOverlap(net(one), net(other))).toBe(overlap);
    expect(subnetsOverlap(net(other), net(one))).toBe(overlap);
  });

  it('the same network with another length is another subnet', () => {
    expect(isSameSubnet(net('10.50.0.0/24'), net('10.50.0.9/24'))).toBe(true);
    expect(isSameSubnet(net('10.50.0.0/24'), net('10.50.0.0/25'))).toBe(false);
    expect(isSameSubnet(net('10.50.0.0/24'), net('10.51.0.0/24'))).toBe(false);
  });

  it.each([
    ['10.50.0.0/24', '10.50.0.1'],
    ['10.50.0.252/30', '10.50.0.253'],
    ['128.0.0.0/1', '128.0.0.1'],
  ])('the first host of %s is %s', (subnet, first) => {
    expect(firstHostOf(net(subnet))).toBe(first);
  });
});
