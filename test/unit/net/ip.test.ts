import { describe, expect, test } from 'vitest';

import { PluginError } from '../../../plugin/vocabulary/errors.ts';
import {
  decodeIpJson,
  failedLine,
  isAlreadyGone,
  isAlreadyThere,
  isNotSupported,
} from '../../../plugin/net/ip.ts';
import { decodeLinks } from '../../../plugin/net/links/link-info.ts';

describe('decodeIpJson', () => {
  test('nothing printed is an empty list', () => {
    expect(decodeIpJson('\n', ['route'])).toEqual([]);
  });

  test('leaves out the empty objects that stand for filtered entries', () => {
    expect(decodeIpJson('[{},{"ifname":"a"},{}]', ['link'])).toEqual([{ ifname: 'a' }]);
  });

  test.each(['[{', '{"a":1}', 'null', '7'])('%j is an error that names the command', (text) => {
    expect(() => decodeIpJson(text, ['link', 'show'])).toThrow(/"ip -j link show" printed no/);
  });
});

describe('decodeLinks', () => {
  // iproute2 6.1.0 on Linux 7.2: ip -j -d link show
  const veth = {
    ifindex: 3,
    link: 'vb',
    ifname: 'va',
    flags: ['NO-CARRIER', 'BROADCAST', 'MULTICAST', 'UP'],
    mtu: 1500,
    qdisc: 'noop',
    operstate: 'DOWN',
    link_type: 'ether',
    address: '5a:fb:6a:90:87:2a',
    linkinfo: { info_kind: 'veth' },
    ifalias: 'vlandhcp endpoint',
    master: 'br0',
  };

  test('reads a veth end', () => {
    expect(decodeLinks([veth])).toEqual([
      {
        name: 'va',
        index: 3,
        mac: '5a:fb:6a:90:87:2a',
        mtu: 1500,
        isUp: true,
        hasNoCarrier: true,
        isLoopback: false,
        kind: 'veth',
        master: 'br0',
        lower: 'vb',
        alias: 'vlandhcp endpoint',
        vlan: undefined,
        bridge: undefined,
      },
    ]);
  });

  test('a lower link in another namespace has no name here', () => {
    expect(decodeLinks([{ ...veth, link_netnsid: 0 }])[0]?.lower).toBeUndefined();
  });

  test('reads a VLAN link and a bridge', () => {
    const data = { protocol: '802.1Q', id: 500, flags: ['REORDER_HDR'] };
    const vlan = { ...veth, linkinfo: { info_kind: 'vlan', info_data: data } };
    expect(decodeLinks([vlan])[0]?.vlan).toEqual({ id: 500, protocol: '802.1Q' });
    const info = { forward_delay: 1500, stp_state: 1 };
    const bridge = { ...veth, linkinfo: { info_kind: 'bridge', info_data: info } };
    expect(decodeLinks([bridge])[0]?.bridge).toEqual({
      hasStp: true,
      forwardDelaySec: 15,
    });
  });

  test('a card is a link without a kind; a tunnel has no MAC', () => {
    const card = decodeLinks([{ ...veth, linkinfo: undefined, address: '10.0.0.1' }])[0];
    expect(card).toMatchObject({ kind: undefined, mac: undefined });
  });

  test.each(['ifname', 'ifindex', 'mtu', 'flags'])(
    'names the field "%s" when it misses it',
    (name) => {
      expect(() => decodeLinks([{ ...veth, [name]: undefined }])).toThrow(`without "${name}"`);
    },
  );
});

describe('what the error texts of iproute2 mean', () => {
  const failed = (stderr: string) =>
    new PluginError('IP_COMMAND_FAILED', 'x', { evidence: { stderr } });

  test.each([
    ['RTNETLINK answers: File exists\nCommand failed -:1\n', isAlreadyThere],
    ['Error: VLAN device already exists.\n', isAlreadyThere],
    ['Cannot find device "zz"\nCommand failed -:1\n', isAlreadyGone],
    ['Device "zz" does not exist.\n', isAlreadyGone],
    ['RTNETLINK answers: No such device\n', isAlreadyGone],
    ['Error: Unknown device type.\n', isNotSupported],
    ['RTNETLINK answers: Operation not supported\n', isNotSupported],
  ])('%j', (stderr, means) => {
    const meanings = [isAlreadyThere, isAlreadyGone, isNotSupported];
    expect(meanings.filter((meaning) => meaning(failed(stderr)))).toEqual([means]);
  });

  test('which line of a batch failed', () => {
    expect(failedLine(failed('RTNETLINK answers: File exists\nCommand failed -:12\n'))).toBe(12);
    expect(failedLine(failed('Terminated\n'))).toBeUndefined();
    expect(failedLine(new Error('Command failed -:1'))).toBeUndefined();
  });

  test('the same words in another error mean nothing', () => {
    const other = new PluginError('SOCKET_FAILED', 'x', { evidence: { stderr: 'File exists' } });
    expect(isAlreadyThere(other)).toBe(false);
    expect(isAlreadyGone(new Error('does not exist'))).toBe(false);
  });
});
