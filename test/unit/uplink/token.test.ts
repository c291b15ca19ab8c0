/** Tokens, keys, VLAN lists and endpoints: what people paste and type. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { proves } from '../../support/uplink/acceptance.ts';
import {
  formatToken,
  parseToken,
  tokenId,
  type Token,
} from '../../../plugin/uplink/protocol/token.ts';
import { parseEndpoint } from '../../../plugin/uplink/protocol/value-schemas.ts';
import { formatVlans, parseVlans } from '../../../plugin/uplink/vlan-list.ts';
import {
  fingerprintOf,
  generateKey,
  parseKey,
  publicKeyOf,
  type WgKey,
} from '../../../plugin/uplink/wireguard-key.ts';
import { PluginError } from '../../../plugin/vocabulary/errors.ts';

const NOW = Date.UTC(2026, 10, 29, 14);
const token: Token = {
  endpoints: ['hub.example.net:51820'],
  tlsUrl: undefined,
  hubKey: publicKeyOf(generateKey()),
  secret: generateKey(),
  address: '10.83.41.2',
  hubAddress: '10.83.41.1',
  site: 'hq',
  expiresAt: NOW + 3_600_000,
};
const text = formatToken(token);
const refusalOf = (typed: string, now = NOW): string => {
  try {
    parseToken(typed, now);
  } catch (error) {
    expect(error).toBeInstanceOf(PluginError);
    return (error as PluginError).message;
  }
  throw new Error('taken');
};

describe('a token', () => {
  it('comes back as it was, also with blanks around it, in less than 300 characters', () => {
    expect(parseToken(text, NOW)).toEqual(token);
    expect(parseToken(`  ${text}\n`, NOW)).toEqual(token);
    expect(text.length).toBeLessThan(300);
    const both = { ...token, tlsUrl: 'wss://hub.example.net/' };
    expect(parseToken(formatToken(both), NOW)).toEqual(both);
    proves('day-blanks-around', 'taken');
  });

  it('has a name that does not tell it, and that stays', () => {
    expect(tokenId(parseToken(text, NOW))).toBe(tokenId(token));
    expect(text).not.toContain(tokenId(token));
  });

  it.each<[string, string, string, string?]>([
    ['is missing', ' ', 'no token was given; paste the line that begins with vuj1.'],
    ['is something else', 'ssh-ed25519', '"ssh-ed25"… is no token; a token begins with vuj1.'],
    [
      'was pasted with blanks',
      `${text.slice(0, 40)} ${text.slice(40)}`,
      'the token has blanks or line breaks in it; copy it again, as one line without blanks',
      'day-blanks-in',
    ],
    [
      'is of another version',
      text.replace('vuj1', 'vuj2'),
      'the token is of version 2, and this vlandhcp reads version 1; install the version of vlandhcp that the hub has',
      'day-version',
    ],
    [
      'is cut',
      text.slice(0, 100),
      'the token is cut: it ends after 100 characters; copy the whole line again',
    ],
    [
      'is cut after vuj1',
      'vuj1',
      'the token is cut: it ends after 4 characters; copy the whole line again',
    ],
    [
      'has a wrong character',
      text.replace(/.(?=.{20}$)/, (one) => (one === 'A' ? 'B' : 'A')),
      'a character of the token is wrong or missing; copy the whole line again',
    ],
  ])('is refused in one sentence if it %s', (_, typed, sentence, key) => {
    expect(refusalOf(typed)).toBe(sentence);
    if (key !== undefined) proves(key, sentence);
  });

  it('is refused when it is late, with both times', () => {
    expect(refusalOf(text, NOW + 3_600_000)).toBe(
      'the token expired at 2026-11-29T15:00:00Z, and the clock of this host says 2026-11-29T15:00:00Z; ask for a new one at the hub: vlandhcp hub invite NAME, or set the clock',
    );
    expect(parseToken(text, NOW + 3_599_999)).toEqual(token);
    proves('day-expired', 'refused with both clocks; a new one, or set the clock');
  });

  it('is refused wherever it is cut', () => {
    for (let end = 1; end < text.length; end += 1) {
      expect(refusalOf(text.slice(0, end))).toMatch(/is cut|is no token/);
    }
    proves('day-cut', 'refused: is cut', `${text.length - 1} places`);
  });

  it('is taken or refused, and nothing else, whatever is pasted', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((more) => `vuj1.${more}`),
        ),
        (typed) => {
          expect(refusalOf(typed)).not.toMatch(/\n|undefined/);
        },
      ),
    );
  });
});

describe('a key', () => {
  it('has the public half that RFC 7748 §6.1 says', () => {
    const base64 = (hex: string) => Buffer.from(hex, 'hex').toString('base64') as WgKey;
    const alice = base64('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a');
    expect(publicKeyOf(alice)).toBe(
      base64('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a'),
    );
  });

  it('is read only in the form that wg prints', () => {
    const key = generateKey();
    expect(parseKey(key)).toBe(key);
    for (const wrong of ['', key.slice(1), `${key} `, key.replace('=', ''), `${key}AAAA`]) {
      expect(parseKey(wrong)).toBeUndefined();
    }
    expect(fingerprintOf(publicKeyOf(key))).toMatch(/^([0-9a-f]{4}-){3}[0-9a-f]{4}$/);
  });
});

describe('a list of VLANs', () => {
  it('is sorted, each once, and written in runs', () => {
    expect(parseVlans('600, 500,601-603,500')).toEqual([500, 600, 601, 602, 603]);
    expect(formatVlans([500, 600, 601, 602, 603])).toBe('500,600-603');
  });

  it.each(['', '0', '4095', '5-4', '500-', 'a', '500,,600', '1-5000', '-5', '500;600'])(
    'is refused: %j',
    (typed) => expect(parseVlans(typed)).toBeUndefined(),
  );

  it('comes back whatever it is', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 4094 }), { minLength: 1 }), (list) => {
        const sorted = list.toSorted((a, b) => a - b);
        expect(parseVlans(formatVlans(sorted))).toEqual(sorted);
      }),
    );
  });
});

it.each([
  ['hub.example.net:51820', { host: 'hub.example.net', port: 51820 }],
  ['203.0.113.10:443', { host: '203.0.113.10', port: 443 }],
  ['[2001:db8::1]:51820', { host: '2001:db8::1', port: 51820 }],
  ['2001:db8::1:51820', undefined],
  ['hub:0', undefined],
  ['hub:65536', undefined],
  ['-hub:5', undefined],
  ['hub', undefined],
  ['hub;reboot:5', undefined],
])('the endpoint %s is %j', (typed, read) => {
  expect(parseEndpoint(typed)).toEqual(read);
});
