import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFrame, encodeFrame } from '../../../plugin/dhcp4/frame.ts';
import { FIXED_LENGTHS } from '../../../plugin/dhcp4/option-space.ts';
import { decodeMessage, encodeMessage } from '../../../plugin/dhcp4/message.ts';
import type { Dhcp4Message } from '../../../plugin/dhcp4/message.ts';
import { ipv4FromNumber, macFromBytes } from '../../../plugin/wire/address.ts';
import { MalformedError } from '../../../plugin/wire/malformed-error.ts';
import { readFixture } from '../../fixtures/read-fixture.ts';
import { ack, CLIENT_MAC, ip, offer, SERVER, SERVER_MAC } from '../../support/frames/messages.ts';

const OPTIONS = 240;
const ACK_TYPE = [53, 1, 5];

/** A reply with the given octets as option space, `file` and `sname`. */
function raw(parts: { options: number[]; file?: number[]; sname?: number[] }): Uint8Array {
  const bytes = new Uint8Array(OPTIONS + parts.options.length);
  bytes.set(encodeMessage(ack()).subarray(0, OPTIONS));
  bytes.set(parts.options, OPTIONS);
  bytes.set(parts.file ?? [], 108);
  bytes.set(parts.sname ?? [], 44);
  return bytes;
}

function optionsOf(bytes: Uint8Array): Record<number, number[]> {
  const { options } = decodeMessage(bytes);
  return Object.fromEntries(Array.from(options, ([code, value]) => [code, Array.from(value)]));
}

describe('encodeMessage', () => {
  const message = offer({ xid: 0x01020304 });

  it('puts option 53 first and 255 last, and pads to 300 octets (RFC 951 §3, RFC 2131 §3)', () => {
    const reordered = new Map([...message.options].reverse());
    const bytes = encodeMessage({ ...message, options: reordered });
    expect(Array.from(bytes.subarray(OPTIONS, OPTIONS + 3))).toEqual([53, 1, 2]);
    expect(bytes).toHaveLength(300);
    const lastOption = bytes.lastIndexOf(255);
    expect(bytes.subarray(lastOption + 1).every((octet) => octet === 0)).toBe(true);
  });

  it('splits a value over 255 octets into parts of one code (RFC 3396 §5)', () => {
    const long = Uint8Array.from({ length: 300 }, (_, index) => index % 256);
    const bytes = encodeMessage(ack({ options: [[121, long]] }));
    expect(decodeMessage(bytes).options.get(121)).toEqual(long);
    expect(bytes.length).toBeGreaterThan(300);
  });

  it.each([
    ['no option 53', new Map<number, Uint8Array>()],
    ['option 53 of two octets', new Map([[53, Uint8Array.of(1, 2)]])],
    ['option 0', new Map([...message.options, [0, Uint8Array.of(1)]] as const)],
    ['option 52', new Map([...message.options, [52, Uint8Array.of(1)]] as const)],
    ['option 255', new Map([...message.options, [255, Uint8Array.of(1)]] as const)],
  ])('refuses %s', (_, options) => {
    expect(() => encodeMessage({ ...message, options })).toThrow(RangeError);
  });
});

describe('decodeMessage: option space', () => {
  it('skips 0 and stops at 255 (RFC 2132 §3.1, §3.2)', () => {
    const bytes = raw({ options: [0, ...ACK_TYPE, 0, 0, 12, 1, 97, 255, 12, 1, 98] });
    expect(optionsOf(bytes)).toEqual({ 53: [5], 12: [97] });
  });

  it('joins a code that comes in several parts (RFC 3396 §7)', () => {
    const bytes = raw({ options: [...ACK_TYPE, 121, 2, 1, 2, 12, 0, 121, 1, 3, 255] });
    expect(optionsOf(bytes)).toEqual({ 53: [5], 121: [1, 2, 3], 12: [] });
  });

  it('accepts options that end with the packet instead of 255', () => {
    expect(optionsOf(raw({ options: [...ACK_TYPE, 12, 1, 97] }))).toEqual({ 53: [5], 12: [97] });
  });

  it.each([
    [1, { 12: [97] }],
    [2, { 12: [98] }],
    [3, { 12: [97, 98] }],
  ])('reads file, then sname, when option 52 is %i (RFC 2132 §9.3, RFC 3396 §5)', (value, more) => {
    const bytes = raw({
      options: [52, 1, value, ...ACK_TYPE, 255],
      file: [12, 1, 97, 255],
      sname: [12, 1, 98, 255],
    });
    expect(optionsOf(bytes)).toEqual({ 53: [5], ...more });
  });

  it('does not follow an option 52 inside file or sname', () => {
    const bytes = raw({
      options: [52, 1, 1, ...ACK_TYPE, 255],
      file: [52, 1, 2, 255],
      sname: [12, 1, 98, 255],
    });
    expect(optionsOf(bytes)).toEqual({ 53: [5] });
  });

  it('finds option 53 in file', () => {
    expect(optionsOf(raw({ options: [52, 1, 1, 255], file: [...ACK_TYPE, 255] }))).toEqual({
      53: [5],
    });
  });

  it('keeps no view of the receive buffer', () => {
    const bytes = raw({ options: [...ACK_TYPE, 12, 1, 97, 255] });
    const { options } = decodeMessage(bytes);
    bytes.fill(0);
    expect(options.get(12)).toEqual(Uint8Array.of(97));
  });
});

describe('an option that cannot be read costs that option and not the message', () => {
  const seen = (bytes: Uint8Array) => {
    const { options, damaged } = decodeMessage(bytes);
    return { codes: [...options.keys()], damaged: [...(damaged ?? [])] };
  };
  const HOST = [12, 1, 97];

  it.each<[string, Parameters<typeof raw>[0], number[], [number, string][]]>([
    ['nothing is wrong', { options: [...ACK_TYPE, ...HOST] }, [53, 12], []],
    [
      'a code without length',
      { options: [...ACK_TYPE, ...HOST, 54] },
      [53, 12],
      [[54, 'it runs past the end: length missing, 0 octets left']],
    ],
    [
      'one that runs past the packet',
      { options: [...ACK_TYPE, 51, 200, 97] },
      [53],
      [[51, 'it runs past the end: length 200, 1 octet left']],
    ],
    [
      'one that runs past file into the cookie',
      { options: [52, 1, 1, ...ACK_TYPE, 255], file: [...HOST, 15, 200] },
      [53, 12],
      [[15, 'it runs past the end: length 200, 123 octets left']],
    ],
    [
      'a value that lacks a part',
      { options: [...ACK_TYPE, 121, 1, 0, 121, 9, 1] },
      [53],
      [[121, 'it runs past the end: length 9, 1 octet left']],
    ],
    [
      'a length that is not the option’s',
      { options: [...ACK_TYPE, 54, 1, 9, 26, 3, 1, 2, 3, 255] },
      [53],
      [
        [54, 'it has 1 octet, not 4'],
        [26, 'it has 3 octets, not 2'],
      ],
    ],
    [
      'a wrong length, and again past the end',
      { options: [...ACK_TYPE, 54, 1, 9, 54, 4, 1] },
      [53],
      [[54, 'it runs past the end: length 4, 1 octet left']],
    ],
    ['a good one before it', { options: [...ACK_TYPE, 51, 4, 0, 0, 1, 0, 51, 4, 9] }, [53, 51], []],
    [
      'option 52 of 0',
      { options: [...ACK_TYPE, 52, 1, 0, 255], file: HOST },
      [53],
      [[52, 'its value is 0, not 1, 2 or 3']],
    ],
    [
      'option 52 of 4',
      { options: [...ACK_TYPE, 52, 1, 4, 255], file: HOST },
      [53],
      [[52, 'its value is 4, not 1, 2 or 3']],
    ],
    [
      'option 52 without value',
      { options: [...ACK_TYPE, 52, 0, 255], file: HOST },
      [53],
      [[52, 'its value is empty, not 1, 2 or 3']],
    ],
    [
      'option 52 of two octets',
      { options: [...ACK_TYPE, 52, 2, 1, 1], file: HOST },
      [53],
      [[52, 'its value is 1 1, not 1, 2 or 3']],
    ],
  ])('%s', (_, parts, codes, damaged) => {
    expect(seen(raw(parts))).toEqual({ codes, damaged });
  });
});

describe('a fixed-length option that comes twice is not joined', () => {
  const values = (options: number[], source?: string) => {
    const message = decodeMessage(
      raw({ options: [...ACK_TYPE, ...options, 255] }),
      source === undefined ? undefined : ip(source),
    );
    return Object.fromEntries([...message.options].map(([code, value]) => [code, [...value]]));
  };
  const one = [54, 4, 10, 50, 0, 1];
  const two = [54, 4, 10, 50, 0, 9];

  it.each([...FIXED_LENGTHS].filter(([code]) => code !== 52))(
    'option %i: the first of its %i octets counts',
    (code, length) => {
      const part = (octet: number, size = length) => [
        code,
        size,
        ...Array<number>(size).fill(octet),
      ];
      expect(values([...part(9, length + 1), ...part(1), ...part(2)])[code]).toEqual(
        code === 53 ? [5] : Array<number>(length).fill(1),
      );
    },
  );

  it.each([
    ['10.50.0.1', 1],
    ['10.50.0.9', 9],
    ['10.50.0.254', 1],
    [undefined, 1],
  ])(
    'of two server identifiers the source of the packet counts, else the first: %s',
    (source, last) => {
      expect(values([...one, ...two], source)[54]).toEqual([10, 50, 0, last]);
    },
  );

  it('one in two parts that have its length together is whole', () => {
    expect(values([51, 2, 0, 0, 51, 2, 1, 0])[51]).toEqual([0, 0, 1, 0]);
  });

  it('a client identifier that is said again is one; other parts are joined', () => {
    expect(values([61, 2, 1, 7, 61, 2, 1, 7])[61]).toEqual([1, 7]);
    expect(values([61, 2, 1, 7, 61, 2, 8, 9])[61]).toEqual([1, 7, 8, 9]);
    expect(values([61, 2, 1, 7, 61, 1, 1])[61]).toEqual([1, 7, 1]);
  });
});

describe('decodeMessage refuses', () => {
  const good = encodeMessage(ack());
  const patched = (offset: number, octet: number): Uint8Array => {
    const copy = Uint8Array.from(good);
    copy[offset] = octet;
    return copy;
  };

  it.each([
    ['op 0', patched(0, 0), 'op', 0],
    ['op 3', patched(0, 3), 'op', 0],
    ['hardware that is not Ethernet', patched(1, 6), 'htype', 1],
    ['an address length that is not 6', patched(2, 16), 'hlen', 2],
    ['a wrong magic cookie', patched(236, 0x64), 'magic cookie', 236],
    ['a header cut short', good.subarray(0, 235), 'file: truncated', 108],
    ['a cookie cut short', good.subarray(0, 239), 'magic cookie: truncated', 238],
    ['nothing at all', new Uint8Array(0), 'op: truncated', 0],
    ['no option 53', raw({ options: [12, 1, 97, 255] }), 'option 53', 240],
    ['an empty option space', raw({ options: [] }), 'option 53', 240],
    ['option 53 of two octets', raw({ options: [53, 2, 5, 5, 255] }), 'option 53', 240],
    ['option 53 past the end', raw({ options: [53, 9, 5] }), 'option 53', 240],
  ])('%s', (_, bytes, what, offset) => {
    expect(() => decodeMessage(bytes)).toThrow(expect.objectContaining({ what, offset }));
    expect(() => decodeMessage(bytes)).toThrow(MalformedError);
  });
});

describe('properties', () => {
  const address = fc.integer({ min: 0, max: 0xffffffff }).map(ipv4FromNumber);
  const code = fc.integer({ min: 1, max: 254 }).filter((value) => value !== 52 && value !== 53);
  const optionOf = (each: number) => {
    const fixed = FIXED_LENGTHS.get(each);
    const length =
      fixed === undefined ? { maxLength: 600 } : { minLength: fixed, maxLength: fixed };
    return fc.tuple(fc.constant(each), fc.uint8Array(length));
  };
  const anyMessage: fc.Arbitrary<Dhcp4Message> = fc.record({
    op: fc.constantFrom(1 as const, 2 as const),
    hops: fc.integer({ min: 0, max: 255 }),
    xid: fc.integer({ min: 0, max: 0xffffffff }),
    secs: fc.integer({ min: 0, max: 0xffff }),
    broadcast: fc.boolean(),
    ciaddr: address,
    yiaddr: address,
    siaddr: address,
    giaddr: address,
    chaddr: fc.uint8Array({ minLength: 6, maxLength: 6 }).map((bytes) => macFromBytes(bytes)),
    options: fc
      .tuple(fc.integer({ min: 0, max: 255 }), fc.array(code.chain(optionOf), { maxLength: 6 }))
      .map(([type, entries]) => new Map([[53, Uint8Array.of(type)], ...entries])),
  });

  it('decode ∘ encode is the identity', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        expect(decodeMessage(encodeMessage(message))).toEqual(message);
      }),
      { numRuns: 100 },
    );
  });

  it('decode ∘ encode is the identity for whole frames', () => {
    fc.assert(
      fc.property(anyMessage, address, address, (message, sourceAddress, destinationAddress) => {
        const frame = encodeFrame({
          message,
          sourceMac: SERVER_MAC,
          destinationMac: CLIENT_MAC,
          sourceAddress,
          destinationAddress,
        });
        const port = message.op === 1 ? 67 : 68;
        expect(decodeFrame(frame, { checksumReady: true, port })).toEqual({
          message,
          sourceMac: SERVER_MAC,
          destinationMac: CLIENT_MAC,
          sourceAddress,
        });
      }),
      { numRuns: 50 },
    );
  });

  it('random bytes give a message or MalformedError', () => {
    const header = encodeMessage(ack()).subarray(0, OPTIONS);
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      fc.uint8Array({ maxLength: 300 }).map((tail) => Uint8Array.from([...header, ...tail])),
    );
    fc.assert(
      fc.property(bytes, (input) => {
        expectValueOrMalformed(() => decodeMessage(input));
      }),
      { numRuns: 300 },
    );
  });

  it('a captured frame with any octets changed or cut gives a message or MalformedError', () => {
    const frame = readFixture('dnsmasq-ack');
    const change = fc.tuple(fc.nat(frame.length - 1), fc.nat(255));
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 4 }),
        fc.nat(frame.length),
        fc.boolean(),
        (changes, length, checksumReady) => {
          const copy = Uint8Array.from(frame);
          for (const [offset, octet] of changes) copy[offset] = octet;
          expectValueOrMalformed(() => decodeFrame(copy.subarray(0, length), { checksumReady }));
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('decodeFrame refuses', () => {
  const frame = encodeFrame({
    message: ack(),
    sourceMac: SERVER_MAC,
    destinationMac: CLIENT_MAC,
    sourceAddress: SERVER,
    destinationAddress: ip('192.0.2.50'),
  });

  it.each([
    ['a frame that still has its 802.1Q tag', 12, [0x81, 0x00], 'EtherType'],
    ['ARP', 12, [0x08, 0x06], 'EtherType'],
    ['TCP', 23, [6], 'IPv4 protocol'],
  ])('%s', (_, offset, octets, what) => {
    const copy = Uint8Array.from(frame);
    copy.set(octets, offset);
    // Protocol and checksum octets are adjacent. The new sum keeps the header checksum right.
    if (offset === 23) copy.set([copy[24]!, copy[25]! + 11], 24);
    expect(() => decodeFrame(copy, { checksumReady: true })).toThrow(
      expect.objectContaining({ what }),
    );
  });
});

function expectValueOrMalformed(action: () => unknown): void {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedError);
  }
}
