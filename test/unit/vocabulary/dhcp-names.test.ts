// Host names, and the names and values of options that are shown.
import { describe, expect, it } from 'vitest';
import { hostNameFrom, isHostName } from '../../../plugin/vocabulary/dhcp/host-name.ts';
import {
  nameOfOption,
  OPTION_NAMES,
  optionCode,
  shownOption,
} from '../../../plugin/vocabulary/dhcp/option-catalogue.ts';

describe('a name becomes a host name of one label (RFC 1123 §2.1)', () => {
  it.each([
    ['asterisk', 'asterisk'],
    ['Web', 'web'],
    ['web_1', 'web-1'],
    ['pbx_asterisk_1', 'pbx-asterisk-1'],
    ['a__b..c', 'a-b-c'],
    ['web.1.x7k2', 'web-1-x7k2'],
    ['10.0.0.1', '10-0-0-1'],
    ['-_-web-_-', 'web'],
    ['Größe', 'gro-e'],
    ['Café Zürich', 'cafe-zurich'],
    ['７seven', '7seven'],
    ['3com', '3com'],
    ['a\nb\0c', 'a-b-c'],
    [`${'a'.repeat(62)}-b`, 'a'.repeat(62)],
    ['x'.repeat(200), 'x'.repeat(63)],
    ['', undefined],
    ['---', undefined],
    ['日本', undefined],
    ['🐳', undefined],
  ])('%j → %j', (name, expected) => {
    expect(hostNameFrom(name)).toBe(expected);
    if (expected !== undefined) expect(isHostName(expected)).toBe(true);
  });

  it('a host name of one label in lower case stays as it is', () => {
    for (const name of ['a', 'web-1', 'x--y', '9', 'a'.repeat(63)]) {
      expect(hostNameFrom(name)).toBe(name);
    }
  });
});

describe('options that a person asks for', () => {
  it.each([
    ['66', 66],
    ['tftp-server-name', 66],
    ['224', 224],
    ['254', 254],
    ['wpad-url', 252],
  ])('%s is option %i', (text, code) => {
    expect(optionCode(text)).toBe(code);
  });

  it.each(['0', '255', '256', '3', '53', '55', '61', '121', '77', '012', '1e2', 'tftp', '', ' 66'])(
    '%j is none: the client uses it itself, or it does not exist',
    (text) => {
      expect(optionCode(text)).toBeUndefined();
    },
  );

  it('each name that help lists is one that can be asked for, and names its option', () => {
    for (const name of OPTION_NAMES) {
      expect(nameOfOption(optionCode(name)!)).toBe(name);
    }
    expect(nameOfOption(224)).toBe('option-224');
  });
});

describe('values as text', () => {
  const ascii = (text: string) => Array.from(text, (letter) => letter.charCodeAt(0));

  it.each<[string, number, readonly number[], string]>([
    ['addresses', 42, [10, 50, 0, 1, 10, 50, 0, 2], '10.50.0.1 10.50.0.2'],
    ['addresses of a wrong length, in hex', 42, [10, 50, 0], '0x0a3200'],
    ['no address, in hex', 42, [], '0x'],
    ['text', 252, ascii('http://wpad/x'), 'http://wpad/x'],
    ['text with a zero octet at its end', 252, [...ascii('http://wpad'), 0], 'http://wpad'],
    ['text that a terminal would obey, in hex', 100, [0x1b, 0x5b, 0x32], '0x1b5b32'],
    ['a number', 2, [0, 0, 14, 16], '3600'],
    ['a number of no known width, in hex', 2, [1, 2, 3], '0x010203'],
    ['bytes, in hex', 43, [1, 2, 0xff], '0x0102ff'],
    ['an unknown option, as text', 224, ascii('blue'), 'blue'],
    ['an unknown option, in hex', 224, [0, 1], '0x0001'],
    [
      'client FQDN in wire form',
      81,
      [5, 0, 0, 3, ...ascii('web'), 3, ...ascii('lan'), 0],
      'web.lan',
    ],
    ['client FQDN, partial', 81, [5, 0, 0, 3, ...ascii('web')], 'web'],
    ['client FQDN in ASCII', 81, [1, 0, 0, ...ascii('web.lan')], 'web.lan'],
    ['client FQDN without a name, in hex', 81, [1, 0, 0], '0x010000'],
  ])('%s', (_, code, value, text) => {
    expect(shownOption(code, Uint8Array.from(value))).toBe(text);
  });
});
