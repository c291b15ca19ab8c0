import { isLinkName } from '../../../../plugin/vocabulary/link-name.ts';
import { describe, expect, test } from 'vitest';

import {
  bridgeMac,
  bridgeMark,
  ENDPOINT_MARK,
  hostEndMac,
  isMarked,
  outerLinkName,
  VLAN_MARK,
  vlanLinkName,
} from '../../../../plugin/net/links/link-names.ts';
import { isMulticastMac, parseMac } from '../../../../plugin/wire/address.ts';

describe('isLinkName', () => {
  test.each(['eth1', 'eth1.500', 'br-vlan_5', '0x', 'a', 'enp0s31f6', 'fifteen-chars-x'])(
    'takes %j',
    (name) => {
      expect(isLinkName(name)).toBe(true);
    },
  );

  test.each([
    '',
    '.',
    '..',
    '-eth',
    '.eth',
    '_eth',
    'sixteen-chars-xx',
    'a b',
    'a/b',
    'a:b',
    'a\nb',
    'eth1\n',
    'a"b',
    "a'b",
    'a@b',
    'a%d',
    'ä',
    'a\\',
    'a#b',
    'a\tb',
    'a\0',
    'all',
    'default',
  ])('refuses %j', (name) => {
    expect(isLinkName(name)).toBe(false);
  });
});

describe('vlanLinkName', () => {
  test.each([
    ['eth1', 500, 'eth1.500'],
    ['enp0s31f6', 4094, 'enp0s31f6.4094'],
    ['0123456789a', 123, '0123456789a.123'],
  ])('%s and %i make %s', (parent, vid, name) => {
    expect(vlanLinkName(parent, vid)).toBe(name);
  });

  test('a name that would be too long becomes vlan<vid>.<hash>, another one for each parent', () => {
    const first = vlanLinkName('enx001122334455', 4094);
    expect(first).toMatch(/^vlan4094\.[0-9a-f]{6}$/);
    expect(vlanLinkName('enx001122334455', 4094)).toBe(first);
    expect(vlanLinkName('enx001122334466', 4094)).not.toBe(first);
    expect(vlanLinkName('enx001122334455', 1)).toMatch(/^vlan1\.[0-9a-f]{9}$/);
    expect(isLinkName(first)).toBe(true);
  });
});

test('the links of two tags have names of their own, also where they are long', () => {
  const parent = 'enx001122334455';
  expect(vlanLinkName('eth1', '10.500')).toBe('eth1.10.500');
  expect(vlanLinkName(parent, '4094q.4094')).toMatch(/^v4094q\.4094\.[0-9a-f]{3}$/);
  expect(outerLinkName('eth1', { protocol: '802.1ad', id: 10 })).toBe('eth1.10ad');
  expect(outerLinkName('eth1', { protocol: '802.1Q', id: 10 })).toBe(vlanLinkName('eth1', 10));
  const outer = outerLinkName(parent, { protocol: '802.1ad', id: 4094 });
  expect(outer).toMatch(/^vlan4094ad\.[0-9a-f]{4}$/);
  expect(isLinkName(outer)).toBe(true);
});

describe('marks', () => {
  test('ours are recognised, similar words are not', () => {
    for (const mark of [VLAN_MARK, ENDPOINT_MARK, bridgeMark('eth1.5')]) {
      expect(isMarked(mark)).toBe(true);
    }
    for (const alias of [undefined, '', 'vlandhcpd bridge', 'my vlandhcp', 'uplink']) {
      expect(isMarked(alias)).toBe(false);
    }
  });
});

describe('MAC addresses of our links', () => {
  const parentMac = parseMac('52:54:00:12:34:56')!;

  test('are locally administered unicast addresses, stable for the same link', () => {
    for (const mac of [bridgeMac('br0', 'eth1', parentMac), hostEndMac('vh0', parentMac)]) {
      expect(isMulticastMac(mac)).toBe(false);
      expect(Number.parseInt(mac.slice(0, 2), 16) & 2).toBe(2);
    }
    expect(bridgeMac('br0', 'eth1', parentMac)).toBe(bridgeMac('br0', 'eth1', parentMac));
  });

  test('differ between two hosts with the same names', () => {
    const elsewhere = parseMac('52:54:00:12:34:57')!;
    expect(bridgeMac('br0', 'eth1', parentMac)).not.toBe(bridgeMac('br0', 'eth1', elsewhere));
  });
});
