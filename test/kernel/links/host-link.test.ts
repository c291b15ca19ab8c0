/**
 * The host's own macvlan link beside those of containers, on a real VLAN link: what it has, what is
 * repaired, and how its address changes.
 */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { linuxHost } from '../../../plugin/net/host.ts';
import type { HostLinkSpec, NetworkLinkSpec } from '../../../plugin/host.ts';
import { parseIpv4, parseMac } from '../../../plugin/wire/address.ts';
import {
  addParent,
  enterSandbox,
  ip,
  linkSnapshot,
  type Sandbox,
} from '../../support/lab/netns.ts';

const LINK = 'vdhost0';
const at = (address: string, prefixLength = 24) => ({ address: parseIpv4(address)!, prefixLength });
const SPEC: HostLinkSpec = {
  ...{ link: LINK, mac: parseMac('02:00:00:00:00:aa')!, mtu: 1500, address: undefined },
  connection: { kind: 'macvlan', lower: 'eth1.500', mode: 'bridge' },
};
const SEGMENT: NetworkLinkSpec = {
  ...{ parent: 'eth1', vlan: 500, mode: 'macvlan', bridge: undefined, mtu: undefined },
  guard: 'mac',
};

let sandbox: Sandbox;
let before: string;
beforeEach(async () => {
  sandbox = enterSandbox();
  addParent('eth1', 'port1');
  before = JSON.stringify(linkSnapshot());
  await linuxHost.ensureNetworkLinks(SEGMENT);
});
afterEach(() => sandbox.dispose());

const addresses = () => ip(`-br addr show dev ${LINK}`).trim().split(/\s+/).slice(2);
const setting = (name: string) => readFileSync(`/proc/sys/net/${name}`, 'utf8').trim();
const index = () => /^\d+/.exec(ip(`-o link show dev ${LINK}`))?.[0];

test('has its address, the route to its subnet, no IPv6, and leads nobody elsewhere', async () => {
  expect(await linuxHost.ensureHostLink({ ...SPEC, address: at('10.50.0.9') })).toEqual([]);
  expect(addresses()).toEqual(['10.50.0.9/24']);
  expect(ip('-4 route').trim()).toMatch(/^10\.50\.0\.0\/24 dev vdhost0 proto kernel scope link/);
  expect(ip(`-6 route show dev ${LINK}`).trim()).toBe('');
  for (const [name, value] of [
    ['ipv6/conf/vdhost0/disable_ipv6', '1'],
    ['ipv4/conf/vdhost0/arp_ignore', '1'],
    ['ipv4/conf/vdhost0/arp_announce', '2'],
    ['ipv4/conf/vdhost0/rp_filter', '1'],
    ['ipv4/conf/vdhost0/forwarding', '0'],
  ] as const) {
    expect([name, setting(name)]).toEqual([name, value]);
  }
});

describe('its address', () => {
  test.each([
    ['in the same subnet', at('10.50.0.10'), '10.50.0.10/24'],
    ['with another prefix', at('10.50.0.9', 23), '10.50.0.9/23'],
    ['in another subnet', at('10.60.0.9'), '10.60.0.9/24'],
  ])('changes: one %s', async (_what, address, shown) => {
    await linuxHost.ensureHostLink({ ...SPEC, address: at('10.50.0.9') });
    const made = index();
    await linuxHost.ensureHostLink({ ...SPEC, address });
    expect([addresses(), index()]).toEqual([[shown], made]);
    expect(ip('-4 route').trim().split('\n')).toHaveLength(1);
  });

  test('is taken away; one that somebody added goes, too', async () => {
    await linuxHost.ensureHostLink({ ...SPEC, address: at('10.50.0.9') });
    ip(`addr add 10.50.0.77/24 dev ${LINK}`);
    await linuxHost.ensureHostLink({ ...SPEC, address: at('10.50.0.9') });
    expect(addresses()).toEqual(['10.50.0.9/24']);
    await linuxHost.ensureHostLink(SPEC);
    expect(addresses()).toEqual([]);
  });
});

describe('is repaired', () => {
  const broken = [
    ['down', `link set dev ${LINK} down`],
    ['with another MTU', `link set dev ${LINK} mtu 1400`],
    ['with another MAC', `link set dev ${LINK} address 02:00:00:00:00:bb`],
    ['removed', `link del dev ${LINK}`],
    ['without its address', `addr flush dev ${LINK}`],
  ] as const;
  test.each(broken)('%s', async (_what, command) => {
    const spec = { ...SPEC, address: at('10.50.0.9') };
    await linuxHost.ensureHostLink(spec);
    ip(command);
    expect(await linuxHost.ensureHostLink(spec)).toEqual([]);
    expect(addresses()).toEqual(['10.50.0.9/24']);
    const [now] = (await linuxHost.readLinks()).filter(({ name }) => name === LINK);
    expect(now).toMatchObject({ isUp: true, mtu: 1500, mac: SPEC.mac, mark: 'host' });
  });

  test('under another name: there is one link, with its name', async () => {
    await linuxHost.ensureHostLink(SPEC);
    ip(`link set dev ${LINK} down`);
    ip(`link set dev ${LINK} name lan0`);
    await linuxHost.ensureHostLink(SPEC);
    expect(linuxHost.linkExists('lan0')).toBe(false);
    expect(linuxHost.linkExists(LINK)).toBe(true);
  });
});

test('with the network everything is as before', async () => {
  await linuxHost.ensureHostLink({ ...SPEC, address: at('10.50.0.9') });
  await linuxHost.removeHostLink(LINK);
  await linuxHost.removeNetworkLinks({ ...SEGMENT, vlanLink: 'eth1.500', uplinkPort: false });
  expect(JSON.stringify(linkSnapshot())).toBe(before);
  expect(ip('-4 route').trim()).toBe('');
});
