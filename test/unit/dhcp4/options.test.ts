import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeNames } from '../../../plugin/dhcp4/domain-search.ts';
import * as views from '../../../plugin/dhcp4/options.ts';
import { ip } from '../../support/frames/messages.ts';

const one = (code: number, ...octets: number[]): views.Options =>
  new Map([[code, Uint8Array.from(octets)]]);
const ascii = (text: string): number[] => Array.from(text, (letter) => letter.charCodeAt(0));
const NONE: views.Options = new Map();

describe('message type (RFC 2132 §9.6)', () => {
  it.each(['DISCOVER', 'OFFER', 'REQUEST', 'DECLINE', 'ACK', 'NAK', 'RELEASE', 'INFORM'] as const)(
    '%s has its number in order from 1',
    (type) => {
      const value = views.messageTypeValue(type);
      expect(views.messageTypeOf(new Map([[53, value]]))).toBe(type);
    },
  );

  it.each([0, 9, 255])('%i is none that we know', (value) => {
    expect(views.messageTypeOf(one(53, value))).toBeUndefined();
  });

  it('is undefined without option 53', () => {
    expect(views.messageTypeOf(NONE)).toBeUndefined();
  });
});

describe('a view is undefined for an absent option and for one of a wrong length', () => {
  it.each<[string, (options: views.Options) => unknown, number[][]]>([
    ['address', (options) => views.ipv4Of(options, 54), [[], [1, 2, 3], [1, 2, 3, 4, 5]]],
    ['address list', (options) => views.ipv4ListOf(options, 54), [[], [1, 2, 3], [1, 2, 3, 4, 5]]],
    ['duration', (options) => views.durationOf(options, 54), [[], [0, 0, 1], [0, 0, 0, 0, 1]]],
    ['16-bit number', (options) => views.u16Of(options, 54), [[], [5], [0, 5, 0]]],
    ['text', (options) => views.textOf(options, 54), [[], [0], [0, 65]]],
    [
      'routes',
      (options) => views.classlessRoutesOf(options, 54),
      [[], [24, 192, 0, 2], [33, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ],
  ])('%s', (_, view, wrong) => {
    expect(view(NONE)).toBeUndefined();
    for (const octets of wrong) expect(view(one(54, ...octets))).toBeUndefined();
  });
});

describe('values', () => {
  it('lists addresses in order of preference', () => {
    expect(views.ipv4ListOf(one(6, 192, 0, 2, 1, 192, 0, 2, 2), 6)).toEqual([
      '192.0.2.1',
      '192.0.2.2',
    ]);
  });

  it('takes 0xffffffff seconds as without end (RFC 2131 §3.3)', () => {
    expect(views.durationOf(one(51, 0xff, 0xff, 0xff, 0xff), 51)).toBe(Infinity);
    expect(views.durationOf(one(51, 0xff, 0xff, 0xff, 0xfe), 51)).toBe(4_294_967_294_000);
  });

  it('reads 16 bits', () => {
    expect(views.u16Of(one(26, 0x05, 0x78), 26)).toBe(1400);
  });

  it('drops the NUL that servers end their strings with, and what is not printable', () => {
    expect(views.textOf(one(56, ...ascii('no lease'), 0, 0), 56)).toBe('no lease');
    expect(views.textOf(one(56, 0x1b, ...ascii('[2J'), 0xe9), 56)).toBe('\ufffd[2J\ufffd');
  });

  it.each([
    ['lab.example', 'lab.example'],
    ['lab.example.', 'lab.example'],
    ['lab.example\0', 'lab.example'],
    ['_tcp.lab-1.example', '_tcp.lab-1.example'],
    ['lab.example\nnameserver 203.0.113.66', undefined],
    ['a b', undefined],
    ['a..b', undefined],
    ['.', undefined],
    ['x'.repeat(64), undefined],
    [Array.from({ length: 64 }, () => 'abc').join('.'), undefined],
  ])('domain name %j becomes %j: it is written into a resolv.conf', (text, expected) => {
    expect(views.domainNameOf(one(15, ...ascii(text)))).toBe(expected);
  });

  it('has no domain name without option 15', () => {
    expect(views.domainNameOf(NONE)).toBeUndefined();
  });

  it.each([
    ['255.255.255.0', 24],
    ['255.255.255.255', 32],
    ['128.0.0.0', 1],
    ['255.255.240.0', 20],
    ['0.0.0.0', undefined],
    ['255.0.255.0', undefined],
    ['0.0.0.255', undefined],
  ])('mask %s is prefix length %s', (mask, expected) => {
    expect(views.prefixLengthOf(new Map([[1, views.ipv4Value(ip(mask))]]))).toBe(expected);
  });

  it('has no prefix length without option 1', () => {
    expect(views.prefixLengthOf(NONE)).toBeUndefined();
  });

  it.each([
    ['10.1.2.3', 8],
    ['127.255.255.255', 8],
    ['128.0.0.1', 16],
    ['191.255.0.1', 16],
    ['192.0.2.1', 24],
    ['223.0.0.1', 24],
    ['224.0.0.1', 32],
  ])('%s is of a class with prefix length %i (RFC 791 §3.2)', (address, expected) => {
    expect(views.classfulPrefixLength(ip(address))).toBe(expected);
  });
});

describe('classless routes (RFC 3442)', () => {
  it.each([
    [[0], '0.0.0.0', 0],
    [[8, 10], '10.0.0.0', 8],
    [[24, 10, 0, 0], '10.0.0.0', 24],
    [[16, 10, 17], '10.17.0.0', 16],
    [[24, 10, 27, 129], '10.27.129.0', 24],
    [[25, 10, 229, 0, 128], '10.229.0.128', 25],
    [[32, 10, 198, 122, 47], '10.198.122.47', 32],
  ])(
    'reads the descriptors of the table in the RFC: %j',
    (descriptor, destination, prefixLength) => {
      expect(views.classlessRoutesOf(one(121, ...descriptor, 192, 0, 2, 1), 121)).toEqual([
        { destination, prefixLength, via: '192.0.2.1' },
      ]);
    },
  );

  it('clears host bits, and takes router 0.0.0.0 as on-link', () => {
    expect(views.classlessRoutesOf(one(121, 20, 10, 1, 255, 0, 0, 0, 0), 121)).toEqual([
      { destination: '10.1.240.0', prefixLength: 20, via: undefined },
    ]);
  });

  it('refuses the whole option when its last route is cut off', () => {
    expect(views.classlessRoutesOf(one(121, 0, 192, 0, 2, 1, 8, 10, 192), 121)).toBeUndefined();
  });
});

describe('static routes, option 33 (RFC 2132 §5.8)', () => {
  it('takes a destination with host bits as a host, others by class, and no default route', () => {
    const value = [10, 0, 0, 0, 192, 0, 2, 1, 10, 0, 0, 9, 192, 0, 2, 1, 0, 0, 0, 0, 192, 0, 2, 1];
    expect(views.staticRoutesOf(one(33, ...value))).toEqual([
      { destination: '10.0.0.0', prefixLength: 8, via: '192.0.2.1' },
      { destination: '10.0.0.9', prefixLength: 32, via: '192.0.2.1' },
    ]);
  });

  it('is undefined for half a pair', () => {
    expect(views.staticRoutesOf(one(33, 10, 0, 0, 0))).toBeUndefined();
    expect(views.staticRoutesOf(NONE)).toBeUndefined();
  });
});

describe('domain search, option 119 (RFC 3397, RFC 1035 §4.1.4)', () => {
  const search = (...octets: number[]): readonly string[] | undefined =>
    views.domainSearchOf(one(119, ...octets));
  const eng = [3, ...ascii('eng'), 5, ...ascii('apple'), 3, ...ascii('com'), 0];

  it('follows the pointer of the example in RFC 3397 §2', () => {
    expect(search(...eng, 9, ...ascii('marketing'), 0xc0, 4)).toEqual([
      'eng.apple.com',
      'marketing.apple.com',
    ]);
  });

  it('is undefined without option 119', () => {
    expect(views.domainSearchOf(NONE)).toBeUndefined();
  });

  it.each([
    ['an empty value', []],
    ['a pointer to itself', [0xc0, 0]],
    ['two pointers to each other', [1, 97, 0xc0, 4, 1, 98, 0xc0, 0]],
    ['a pointer into its own labels', [1, 97, 1, 98, 0xc0, 2]],
    ['a pointer forward', [0xc0, 2, 1, 97, 0]],
    ['half a pointer', [...eng, 0xc0]],
    ['a label that runs past the end', [5, 97]],
    ['a name without end', [1, 97]],
    ['a reserved label type', [0x40, 97, 0]],
    ['the root alone', [0]],
    ['a name with a space', [3, ...ascii('a b'), 0]],
    ['a name with a line feed', [3, 97, 10, 98, 0]],
    [
      'a name over 255 octets',
      [...Array.from({ length: 5 }, () => [63, ...ascii('x'.repeat(63))]).flat(), 0],
    ],
  ])('refuses %s', (_, octets) => {
    expect(search(...octets)).toBeUndefined();
  });

  it('ends for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (value) => {
        const names = decodeNames(value);
        expect(names === undefined || names.length > 0).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('values that we send', () => {
  it('option 81 has S=1, E=1, RCODEs 0 and the name in DNS wire form (RFC 4702 §2)', () => {
    const expected = [5, 0, 0, 3, ...ascii('web'), 7, ...ascii('example'), 0];
    expect(Array.from(views.clientFqdnValue('web.example'))).toEqual(expected);
    expect(Array.from(views.clientFqdnValue('web.example.'))).toEqual(expected);
  });

  it.each(['a..b', 'x'.repeat(64) + '.example', 'wéb.example'])('refuses the name %s', (name) => {
    expect(() => views.clientFqdnValue(name)).toThrow(RangeError);
  });

  it('refuses text that is not ASCII', () => {
    expect(() => views.textValue('wéb')).toThrow(RangeError);
  });
});
