// Golden bytes: our decoder reads what other programs send. The expected values are the settings of
// those programs.
import { describe, expect, it } from 'vitest';
import { decodeFrame, encodeFrame } from '../../../plugin/dhcp4/frame.ts';
import { leaseTermsOf } from '../../../plugin/dhcp4/lease-terms.ts';
import { leaseTimesOf } from '../../../plugin/dhcp4/lease-times.ts';
import { decodeMessage, encodeMessage } from '../../../plugin/dhcp4/message.ts';
import { ipv4Of, messageTypeOf, OPTION, textOf } from '../../../plugin/dhcp4/options.ts';
import { readFixture } from '../../fixtures/read-fixture.ts';
import { CLIENT_MAC, SERVER, SERVER_MAC } from '../../support/frames/messages.ts';

const options = { checksumReady: true };
const SEARCH = ['lab.example', 'corp.example'];
const ROUTE = { destination: '198.51.100.0', prefixLength: 24, via: '192.0.2.2' };

describe('an ACK as real servers send it', () => {
  it.each([
    [
      'dnsmasq',
      0x9f5cec37,
      {
        address: '192.0.2.55',
        prefixLength: 24,
        gateway: '192.0.2.1',
        routes: [ROUTE],
        mtu: undefined,
        dnsServers: [],
        domainName: 'lab.example',
        domainSearch: SEARCH,
        others: [{ code: 12, value: 'web-1' }],
      },
    ],
    [
      'dhcpd',
      0x7a30b437,
      {
        address: '192.0.2.100',
        prefixLength: 24,
        gateway: '192.0.2.1',
        routes: [ROUTE],
        mtu: undefined,
        dnsServers: ['192.0.2.1', '192.0.2.2'],
        domainName: 'lab.example',
        domainSearch: SEARCH,
      },
    ],
    [
      'kea',
      0xb576e406,
      {
        address: '192.0.2.160',
        prefixLength: 24,
        gateway: '192.0.2.1',
        routes: [],
        mtu: undefined,
        dnsServers: ['192.0.2.1'],
        domainName: 'lab.example',
        domainSearch: SEARCH,
        others: [{ code: 12, value: 'web-1' }],
      },
    ],
    [
      'udhcpd',
      0x028c3925,
      {
        address: '192.0.2.218',
        prefixLength: 24,
        // Option 121 has no default route. Option 3 is ignored all the same (RFC 3442).
        gateway: undefined,
        routes: [ROUTE],
        mtu: undefined,
        dnsServers: ['192.0.2.1'],
        domainName: 'lab.example',
        domainSearch: SEARCH,
      },
    ],
  ])('%s', (server, xid, terms) => {
    const { message, sourceMac, sourceAddress } = decodeFrame(
      readFixture(`${server}-ack`),
      options,
    );
    expect(message).toMatchObject({ op: 2, xid, chaddr: CLIENT_MAC, broadcast: false });
    expect(messageTypeOf(message.options)).toBe('ACK');
    expect(sourceAddress).toBe(SERVER);
    expect(leaseTermsOf(message, SERVER, sourceMac)).toEqual({
      ...terms,
      serverId: SERVER,
      serverMac: SERVER_MAC,
    });
    expect(leaseTimesOf(message.options, 3_600_000, 0, () => 0.5)).toEqual({
      requestedAt: 0,
      // The server's value less half of 5 %, or the default.
      t1At: message.options.has(OPTION.RENEWAL_TIME) ? 1_755_000 : 1_800_000,
      t2At: 3_150_000,
      expiresAt: 3_600_000,
    });
  });
});

it.each(['dnsmasq', 'dhcpd', 'kea', 'udhcpd'])('an OFFER of %s names its server', (server) => {
  const { message } = decodeFrame(readFixture(`${server}-offer`), options);
  expect(messageTypeOf(message.options)).toBe('OFFER');
  expect(ipv4Of(message.options, OPTION.SERVER_ID)).toBe(SERVER);
});

it.each([
  ['dnsmasq', 'wrong address'],
  ['dhcpd', 'requested address not available'],
  ['kea', undefined],
  ['udhcpd', undefined],
])('a NAK of %s has option 56 %j', (server, text) => {
  const { message, destinationMac } = decodeFrame(readFixture(`${server}-nak`), options);
  expect(messageTypeOf(message.options)).toBe('NAK');
  expect(message.xid).toBe(0x0badcafe);
  expect(textOf(message.options, OPTION.MESSAGE)).toBe(text);
  // Kea sends the answer with destination IP 255.255.255.255 to our own MAC.
  expect(destinationMac).toBe(server === 'kea' ? CLIENT_MAC : 'ff:ff:ff:ff:ff:ff');
});

it('Kea’s NAK is shorter than 300 octets and is accepted', () => {
  expect(readFixture('kea-nak').length - 14 - 20 - 8).toBe(259);
});

it.each(['discover', 'request'])('a %s of udhcpc decodes on port 67', (name) => {
  const frame = readFixture(`udhcpc-${name}`);
  expect(() => decodeFrame(frame, options)).toThrow('UDP destination port');
  const { message } = decodeFrame(frame, { ...options, port: 67 });
  expect(messageTypeOf(message.options)).toBe(name.toUpperCase());
  expect(textOf(message.options, OPTION.HOST_NAME)).toBe('web-1');
  expect(textOf(message.options, OPTION.VENDOR_CLASS)).toBe('udhcp 1.35.0');
  expect(message.options.get(OPTION.CLIENT_ID)).toEqual(Uint8Array.of(1, 2, 0, 0, 0, 0, 0xc1));
});

it('our encoder gives udhcpc’s bytes for udhcpc’s DISCOVER', () => {
  const frame = readFixture('udhcpc-discover');
  const payload = frame.subarray(42);
  expect(encodeMessage(decodeMessage(payload))).toEqual(payload);
});

it('our encoder gives the bytes of ISC dhcpd’s OFFER after the IPv4 header', () => {
  const frame = readFixture('dhcpd-offer');
  const { message, ...link } = decodeFrame(frame, options);
  const again = encodeFrame({
    message,
    sourceMac: link.sourceMac,
    destinationMac: link.destinationMac,
    sourceAddress: link.sourceAddress,
    destinationAddress: message.yiaddr,
  });
  // ISC dhcpd does not pad its OFFER. Type of service, TTL and flags differ in the IPv4 header.
  expect(again.subarray(34, frame.length)).toEqual(frame.subarray(34));
  expect(again.subarray(0, 14)).toEqual(frame.subarray(0, 14));
});

it('decodes a captured frame whose UDP checksum was left to hardware', () => {
  const frame = readFixture('dnsmasq-ack');
  frame.set([0x12, 0x34], 40);
  expect(() => decodeFrame(frame, options)).toThrow('UDP checksum');
  expect(decodeFrame(frame, { checksumReady: false }).message.yiaddr).toBe('192.0.2.55');
});
