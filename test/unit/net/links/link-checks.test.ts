import { describe, expect, test } from 'vitest';

import { checkBridge, checkSpec } from '../../../../plugin/net/links/link-checks.ts';
import type { NetworkLinkSpec } from '../../../../plugin/net/links/link-checks.ts';
import type { Link } from '../../../../plugin/net/links/link-info.ts';
import { LINK_NAME_RULE } from '../../../../plugin/vocabulary/link-name.ts';

const SPEC: NetworkLinkSpec = { parent: 'eth1', vlan: 500, bridge: 'br0', mtu: undefined };

function link(name: string, kind: string | undefined, changes: Partial<Link> = {}): Link {
  return {
    name,
    index: 1,
    mac: undefined,
    mtu: 1500,
    isUp: true,
    hasNoCarrier: false,
    isLoopback: false,
    kind,
    master: undefined,
    lower: undefined,
    alias: undefined,
    vlan: undefined,
    bridge: undefined,
    ...changes,
  };
}

const check =
  (ports: readonly Link[], use: readonly string[] = [], alias?: string, uplink = 'eth1.500') =>
  () =>
    checkBridge(SPEC, link('br0', 'bridge', { alias }), ports, use, uplink);

describe("a bridge of the user's that the VLAN would be joined with", () => {
  test.each([
    ['a network card', undefined],
    ['a bond', 'bond'],
    ['a team', 'team'],
    ['a macvlan', 'macvlan'],
    ['a vxlan', 'vxlan'],
  ])('is refused for a port that is %s', (what, kind) => {
    const ports = [link('vm0', 'tun'), link('port0', kind)];
    expect(check(ports)).toThrowError(
      expect.objectContaining({
        code: 'LINK_CONFLICT',
        message: `bridge br0 already has port port0, which is ${what}, and would join it with eth1.500; choose another name with -o bridge=`,
      }),
    );
  });

  test('of ours is not joined with another link that has the name of its renamed parent', () => {
    const own = link('br-eth1', 'bridge', { alias: 'vlandhcp bridge for eth1' });
    const untagged = { ...SPEC, vlan: undefined, bridge: 'br-eth1' };
    const joined = (ports: readonly Link[]) => () => checkBridge(untagged, own, ports, [], 'eth1');
    expect(joined([link('lan0', undefined)])).toThrowError(
      expect.objectContaining({
        code: 'LINK_CONFLICT',
        message:
          'bridge br-eth1 of eth1 has port lan0, which is a network card, and would join it with the eth1 there is now; if lan0 was called eth1 before, give both their names back; else take it out with: ip link set lan0 nomaster',
      }),
    );
    expect(joined([link('port0', 'veth')])).not.toThrow();
    expect(joined([link('eth1', undefined), link('lan0', undefined)])).not.toThrow();
  });

  test.each(['veth', 'tun', 'dummy'])('is taken with a port of kind %s', (kind) => {
    expect(check([link('port0', kind)])).not.toThrow();
  });

  test('is refused for what the host does with it', () => {
    expect(check([], ['172.17.0.1/16', 'the IPv4 default route'])).toThrowError(
      expect.objectContaining({
        code: 'LINK_CONFLICT',
        message:
          'bridge br0 carries 172.17.0.1/16, the IPv4 default route of this host; the network would join it with eth1.500; choose another name with -o bridge=',
      }),
    );
  });
});

test('a bridge that has the uplink as port already, or is ours, is as its owner wants it', () => {
  const others = [link('eth2', undefined)];
  expect(check([link('office', 'vlan'), ...others], ['10.0.0.1/8'], '', 'office')).not.toThrow();
  expect(check(others, ['10.0.0.1/8'], 'vlandhcp bridge for eth1.500')).not.toThrow();
});

test('two VLANs are not joined whoever asks for it', () => {
  const other = link('eth1.7', 'vlan', { vlan: { id: 7, protocol: '802.1Q' }, lower: 'eth1' });
  expect(check([link('eth1.500', 'vlan'), other])).toThrow(/VLAN 7 of eth1/);
});

test('a name that no link can have is refused with the rule', () => {
  expect(() => checkSpec({ ...SPEC, bridge: 'br/0' })).toThrow(
    `-o bridge="br/0" is not ${LINK_NAME_RULE}`,
  );
});
