import { describe, expect, it } from 'vitest';
import { clientFrame, encodeFrame } from '../../../../plugin/dhcp6/frame.ts';
import { encodeNdpFrame } from '../../../../plugin/ndp/frame.ts';
import { addressingFilter, routerFilter } from '../../../../plugin/net/sockets/ipv6-filters.ts';
import { kernelRefuses, runBpf } from '../../../support/lan/bpf-interpreter.ts';
import { CLIENT_MAC, ip6, mac } from '../../../support/frames/messages.ts';
import { reply6 } from '../../../support/frames/messages6.ts';
import { advertisement, frame, prefix } from '../../ndp/ndp-messages.ts';

const OTHER = mac('02:00:00:00:00:99');
const RA = encodeNdpFrame(advertisement({ options: [prefix('2001:db8::/64')] }));
const TO_CLIENT = encodeFrame({
  ...clientFrame(CLIENT_MAC, reply6('REPLY', 1)),
  destinationMac: CLIENT_MAC,
  destination: ip6('fe80::2'),
});
const REQUEST = encodeFrame({ ...clientFrame(OTHER, { type: 'SOLICIT', xid: 1, options: [] }) });
const ASKED = encodeNdpFrame(
  frame('fe80::1', 'ff02::1:ff00:c1', {
    type: 'neighbor-solicitation',
    target: ip6('fe80::ff:fe00:c1'),
    options: [],
  }),
);

function changed(bytes: Uint8Array, offset: number, ...octets: number[]): Uint8Array {
  const copy = bytes.slice();
  copy.set(octets, offset);
  return copy;
}

const IPV6 = 14;
const octetsOf = (address: string) => address.split(':').map((octet) => Number.parseInt(octet, 16));

describe('the filter of a container', () => {
  const program = addressingFilter(CLIENT_MAC);
  const accepts = (bytes: Uint8Array) => runBpf(program, bytes) > 0;

  it.each([
    ['an RA to all nodes', RA, true],
    ['an answer of a server to us', TO_CLIENT, true],
    ['a neighbour solicitation to our group', ASKED, true],
    ['an answer to another MAC', changed(TO_CLIENT, 0, ...octetsOf(OTHER)), false],
    ['a MAC that differs in its last two octets', changed(TO_CLIENT, 4, 0, 0), false],
    ['a request of another client', REQUEST, false],
    ['an RA after an extension header', changed(RA, IPV6 + 6, 0), false],
    ['another ICMPv6 message', changed(RA, IPV6 + 40, 128), false],
    ['a router solicitation', changed(RA, IPV6 + 40, 133), false],
    ['TCP', changed(TO_CLIENT, IPV6 + 6, 6), false],
    ['IPv4', changed(RA, 12, 0x08, 0x00), false],
    ['a tag', changed(RA, 12, 0x81, 0x00), false],
  ])('%s: %s', (_what, bytes, isTaken) => {
    expect(accepts(bytes)).toBe(isTaken);
  });

  it('takes nothing of a frame that is cut short, and the kernel takes the program', () => {
    for (let length = 0; length < IPV6 + 40; length += 1) {
      expect(accepts(RA.subarray(0, length))).toBe(false);
    }
    expect([kernelRefuses(program), kernelRefuses(routerFilter())]).toEqual([undefined, undefined]);
  });
});

it('the filter for routers takes RAs alone', () => {
  const accepts = (bytes: Uint8Array) => runBpf(routerFilter(), bytes) > 0;
  expect([RA, TO_CLIENT, ASKED, REQUEST].map(accepts)).toEqual([true, false, false, false]);
});
