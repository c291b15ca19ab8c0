// The codec, rule by rule. The bytes are written here by the tables of RFC 9915 §21.
import { describe, expect, it } from 'vitest';
import { clientFrame, decodeFrame, encodeFrame } from '../../../plugin/dhcp6/frame.ts';
import { decodeMessage, encodeMessage } from '../../../plugin/dhcp6/message.ts';
import type { Dhcp6Option } from '../../../plugin/dhcp6/options.ts';
import { duidOfMac, iaidOfMac, parseDuid } from '../../../plugin/vocabulary/ipv6/duid.ts';
import { MalformedError } from '../../../plugin/wire/malformed-error.ts';
import { CLIENT_MAC, ip6, mac } from '../../support/frames/messages.ts';

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));
const message = (options: string) => bytesOf(`07 abcdef ${options}`);
const optionsOf = (hex: string) => decodeMessage(message(hex)).options;
const duid = parseDuid('00:03:00:01:02:00:00:00:00:c1')!;
const ADDRESS = '20010db8000000000000000000000050';

/** Octets as on the wire, and the option that they are. */
const OPTIONS: readonly (readonly [string, Dhcp6Option])[] = [
  ['0001 000a 000300010200000000c1', { type: 'client-id', duid }],
  ['0002 000a 000300010200000000c1', { type: 'server-id', duid }],
  [
    '0003 000c 000000c1 00000384 00000708',
    { type: 'ia-na', iaid: 0xc1, t1: 900, t2: 1800, options: [] },
  ],
  ['0006 0004 0017 0052', { type: 'option-request', codes: [23, 82] }],
  ['0007 0001 ff', { type: 'preference', value: 255 }],
  ['0008 0002 ffff', { type: 'elapsed-time', value: 0xffff }],
  ['000d 0004 0004 6e6f', { type: 'status', status: 4, text: 'no' }],
  ['000e 0000', { type: 'rapid-commit' }],
  [`0017 0010 ${ADDRESS}`, { type: 'dns-servers', servers: [ip6('2001:db8::50')] }],
  ['0018 0008 0161 00 03622d63 00', { type: 'domain-list', names: ['a', 'b-c'] }],
  ['0020 0004 00000e10', { type: 'refresh-time', value: 3600 }],
  ['0027 0006 00 04776562 31', { type: 'fqdn', flags: 0, name: 'web1', isPartial: true }],
  ['0027 0006 01 0161 0162 00', { type: 'fqdn', flags: 1, name: 'a.b', isPartial: false }],
  ['0052 0004 0000003c', { type: 'sol-max-rt', value: 60 }],
  ['0053 0004 00015180', { type: 'inf-max-rt', value: 86400 }],
  ['0014 0000', { type: 'unknown', code: 20, value: new Uint8Array() }],
  ['fde8 0002 0102', { type: 'unknown', code: 65000, value: Uint8Array.of(1, 2) }],
];

it.each(OPTIONS)('%s is read and written', (hex, option) => {
  const bytes = message(hex);
  expect(decodeMessage(bytes)).toEqual({ type: 'REPLY', xid: 0xabcdef, options: [option] });
  expect(encodeMessage({ type: 'REPLY', xid: 0xabcdef, options: [option] })).toEqual(bytes);
});

it('the transaction id has three octets, and each type its number (§7.3)', () => {
  const types = [
    'SOLICIT',
    'ADVERTISE',
    'REQUEST',
    'CONFIRM',
    'RENEW',
    'REBIND',
    'REPLY',
    'RELEASE',
    'DECLINE',
    'RECONFIGURE',
    'INFORMATION-REQUEST',
  ] as const;
  for (const [index, type] of types.entries()) {
    const bytes = encodeMessage({ type, xid: 0x010203, options: [] });
    expect(bytes).toEqual(Uint8Array.of(index + 1, 1, 2, 3));
    expect(decodeMessage(bytes).type).toBe(type);
  }
});

describe('a status', () => {
  const status = '000d 0003 0002 78';
  const found = { type: 'status', status: 2, text: 'x' };

  it('stands in the message, the IA or the address (§21.13)', () => {
    expect(optionsOf(status)).toEqual([found]);
    expect(optionsOf(`0003 0013 00000001 00000000 00000000 ${status}`)).toMatchObject([
      { type: 'ia-na', options: [found] },
    ]);
    const address = `0005 001f ${ADDRESS} 00000000 00000000 ${status}`;
    expect(optionsOf(`0003 002f 00000001 00000000 00000000 ${address}`)).toMatchObject([
      { options: [{ type: 'ia-address', address: '2001:db8::50', options: [found] }] },
    ]);
  });

  it('may have no text, and shows no control characters', () => {
    expect(optionsOf('000d 0002 0005')).toEqual([{ type: 'status', status: 5, text: '' }]);
    expect(optionsOf('000d 0004 0001 1b41')).toMatchObject([{ text: '\ufffdA' }]);
  });
});

describe('a length past the end spoils the whole message', () => {
  it.each([
    ['a code without a length', '0007'],
    ['half a length', '0007 00'],
    ['a value that is cut off', '000d 0004 0002 78'],
    ['an option that ends behind its IA', '0003 0010 00000001 00000000 00000000 000d 0001'],
    ['an option that ends behind its address', `0005 001c ${ADDRESS} 00000001 00000001 000d 0001`],
  ])('%s', (_what, hex) => {
    expect(() => decodeMessage(message(hex))).toThrow(MalformedError);
    // In an IA or not: a good option before it saves nothing.
    expect(() => decodeMessage(message(`0007 0001 ff ${hex}`))).toThrow(MalformedError);
  });

  it('says where', () => {
    expect(() => decodeMessage(message('0007 0001 ff 0007 0002 ff'))).toThrow(
      'malformed option: truncated at octet 13',
    );
    expect(() => decodeMessage(message('0003 0010 00000001 00000000 00000000 000d 0001'))).toThrow(
      'malformed option: truncated at octet 24',
    );
  });
});

it.each([
  ['a DUID of two octets', '0001 0002 0003'],
  ['a DUID of 131 octets', `0002 0083 ${'01'.repeat(131)}`],
  ['an IA of eleven octets', '0003 000b 0000000100000000000000'],
  ['an address of 23 octets', `0005 0017 ${ADDRESS} 00000000000000`],
  ['half an option code', '0006 0003 001700'],
  ['a preference of two octets', '0007 0002 00ff'],
  ['an elapsed time of one octet', '0008 0001 00'],
  ['a status of one octet', '000d 0001 00'],
  ['a rapid commit with a value', '000e 0001 00'],
  ['no DNS server', '0017 0000'],
  ['one DNS server and a half', `0017 0018 ${ADDRESS} 0000000000000000`],
  ['a name with a pointer', '0018 0004 0161 c004'],
  ['a name without its end', '0018 0002 0161'],
  ['a refresh time of two octets', '0020 0002 0e10'],
  ['an FQDN of two names', '0027 0007 00 016100 016200'],
  ['an FQDN without flags', '0027 0000'],
  ['a maximum of three octets', '0052 0003 000e10'],
])('%s is ignored, and the rest of the message counts', (_what, hex) => {
  const [broken, preference] = optionsOf(`${hex} 0007 0001 ff`);
  expect(broken).toMatchObject({ type: 'unknown' });
  expect(preference).toEqual({ type: 'preference', value: 255 });
});

it.each([0, 12, 13, 255])('message type %i is not for clients', (type) => {
  expect(() => decodeMessage(Uint8Array.of(type, 0, 0, 0))).toThrow('malformed message type');
});

it('a message shorter than its header is malformed', () => {
  for (let length = 0; length < 4; length += 1) {
    expect(() => decodeMessage(Uint8Array.of(7, 0, 0, 0).subarray(0, length))).toThrow(
      MalformedError,
    );
  }
});

describe('a frame', () => {
  const reply = {
    ...{ sourceMac: mac('02:00:00:00:00:01'), destinationMac: CLIENT_MAC },
    ...{ source: ip6('fe80::1'), destination: ip6('fe80::2') },
    message: { type: 'REPLY', xid: 1, options: [] },
  } as const;
  const ready = { checksumReady: true };

  it('of a client is a multicast to all servers from its link-local address (§7.1, §17)', () => {
    const sent = clientFrame(CLIENT_MAC, { type: 'SOLICIT', xid: 1, options: [] });
    expect(sent).toMatchObject({
      destinationMac: '33:33:00:01:00:02',
      source: 'fe80::ff:fe00:c1',
      destination: 'ff02::1:2',
    });
    const bytes = encodeFrame(sent);
    expect(decodeFrame(bytes, { ...ready, port: 547 })).toEqual(sent);
    // Ports 546 and 547, hop limit 1.
    expect([...bytes.subarray(54, 58)]).toEqual([0x02, 0x22, 0x02, 0x23]);
    expect(bytes[21]).toBe(1);
    expect(() => decodeFrame(bytes, ready)).toThrow('malformed UDP destination port');
  });

  it('counts from any source port', () => {
    const bytes = encodeFrame(reply);
    bytes[55] = 0x99;
    expect(decodeFrame(bytes, { checksumReady: false })).toEqual(reply);
  });

  it.each([
    [12, 'EtherType'],
    [20, 'IPv6 next header'],
    [56, 'UDP checksum'],
    [61, 'UDP checksum'],
  ])('is refused if octet %i is another', (at, what) => {
    const bytes = encodeFrame(reply);
    bytes[at]! ^= 0x10;
    expect(() => decodeFrame(bytes, ready)).toThrow(`malformed ${what}`);
  });
});

describe('who a client is (§11.4, §12)', () => {
  it('DUID-LL of the MAC, and the last four octets of the MAC', () => {
    expect(duidOfMac(mac('02:42:ac:11:00:fe'))).toBe('00:03:00:01:02:42:ac:11:00:fe');
    expect(iaidOfMac(mac('02:42:ac:11:00:fe'))).toBe(0xac1100fe);
    expect(iaidOfMac(mac('02:42:ff:ff:ff:ff'))).toBe(0xffffffff);
  });

  it('a DUID is typed with colons or without', () => {
    expect(parseDuid('0003000102000000 00c1')).toBeUndefined();
    expect(parseDuid('000300010200000000C1')).toBe(duid);
    expect(parseDuid('00:03')).toBeUndefined();
    expect(parseDuid('00:03:0')).toBeUndefined();
    expect(parseDuid('')).toBeUndefined();
  });
});
