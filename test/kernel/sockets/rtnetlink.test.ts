import { afterEach, beforeEach, expect, test } from 'vitest';

import { SystemCallError } from '../../../plugin/net/libc.ts';
import { waitUntilReady } from '../../../plugin/net/links/link-ready.ts';
import {
  addVethPair,
  carryFrames,
  changeLinks,
  findLink,
  removeLinkAt,
} from '../../../plugin/net/netlink/rtnetlink.ts';
import { removeEndpointLink } from '../../../plugin/net/endpoints/endpoint-links.ts';
import { parseMac } from '../../../plugin/wire/address.ts';
import { enterSandbox, ip, linkNames, openDescriptors, run } from '../../support/lab/netns.ts';
import type { Sandbox } from '../../support/lab/netns.ts';

let sandbox: Sandbox;

beforeEach(() => {
  sandbox = enterSandbox();
  ip('link add name vh0 type veth peer name vc0');
});

afterEach(() => {
  sandbox.dispose();
});

const indexOf = (name: string): number =>
  (JSON.parse(ip(`-j link show dev ${name}`)) as [{ ifindex: number }])[0].ifindex;

test('a link is found by name, with index and alias', async () => {
  expect(await findLink('vh0')).toEqual({ index: indexOf('vh0'), alias: undefined });
  const alias = 'é'.repeat(127);
  ip(`link set dev vh0 alias ${alias}`);
  expect(await findLink('vh0')).toEqual({ index: indexOf('vh0'), alias });
  expect(await findLink('vh1')).toBeUndefined();
  await expect(findLink('a name longer than links may have')).rejects.toThrow(SystemCallError);
});

test('removing it takes both ends; once more is fine; no descriptor is left', async () => {
  const before = openDescriptors();
  const index = indexOf('vh0');
  const container = sandbox.addNamespace();
  ip(`link set dev vc0 netns ${container.name}`);
  await removeLinkAt(index);
  expect([linkNames(), container.run(linkNames)]).toEqual([[], []]);
  await removeLinkAt(index);
  expect(openDescriptors()).toBe(before);
});

test('a link that the kernel does not let go of is an error', async () => {
  await expect(removeLinkAt(indexOf('lo'))).rejects.toThrow(/removing link 1: ENOTSUP/);
});

test('of several changes all are tried, and the first that failed is told', async () => {
  const changes = [
    { name: 'vh0', alias: 'x'.repeat(256) },
    { name: 'vc0', isUp: true },
    { name: 'gone0', isUp: true },
  ];
  const before = openDescriptors();
  await expect(changeLinks(changes)).rejects.toThrow('changing links vh0, vc0, gone0: ERANGE');
  expect(ip('link show dev vc0')).toContain('UP');
  await expect(changeLinks(changes.slice(2))).rejects.toThrow('changing links gone0: ENODEV');
  expect(openDescriptors()).toBe(before);
});

test('a link that comes up forms no IPv6 address of its own, whatever the order of what is said', async () => {
  await changeLinks([
    { name: 'vh0', isUp: true, formsNoAddress: true },
    { name: 'vc0', formsNoAddress: true, isUp: true },
  ]);
  expect(ip('-6 address show')).not.toContain('fe80');
  ip('link set dev vh0 down');
  await changeLinks([{ name: 'vh0', alias: 'mine' }]);
  expect(ip('link show dev vh0')).toMatch(/state DOWN[^]*alias mine/);
});

test('a name that is taken: nothing is made', async () => {
  const link = (name: string, last: number) =>
    ({ name, mac: parseMac(`02:00:00:00:00:0${last}`)!, mtu: 1500, group: 0 }) as const;
  await expect(addVethPair(link('vh1', 1), link('vc0', 2))).rejects.toMatchObject({
    code: 'EEXIST',
  });
  expect(linkNames()).toEqual(['vc0', 'vh0']);
});

test.each(['', 'vlandhcp', 'vlandhcp endpoints', 'my vlandhcp endpoint'])(
  'an endpoint link whose alias became %j is not ours any more, and stays',
  async (alias) => {
    run('ip', ['link', 'set', 'dev', 'vh0', 'alias', alias]);
    await removeEndpointLink('vh0');
    expect(linkNames()).toEqual(['vc0', 'vh0']);
  },
);

test('a link carries frames once it is activated and, as the port of a bridge, forwards', async () => {
  expect(await carryFrames(['vh0', 'vc0'])).toBe(false);
  ip('link set dev vh0 up');
  expect(await carryFrames(['vh0'])).toBe(false); // no carrier yet
  ip('link set dev vc0 up');
  expect(await waitUntilReady(['vh0', 'vc0'])).toBe(true);
  expect(await carryFrames(['vh0', 'gone0'])).toBe(false);

  ip('link add name br0 type bridge stp_state 1');
  ip('link set dev br0 up');
  ip('link set dev vh0 master br0');
  expect(ip('-d link show dev vh0')).toMatch(/bridge_slave state (listening|disabled)/);
  expect(await carryFrames(['vc0'])).toBe(true);
  expect(await carryFrames(['vh0', 'vc0'])).toBe(false);
  ip('link set dev br0 type bridge stp_state 0');
  ip('link set dev vh0 nomaster');
  ip('link set dev vh0 master br0');
  expect(await waitUntilReady(['vh0', 'vc0'])).toBe(true);
  expect(ip('-d link show dev vh0')).toContain('bridge_slave state forwarding');
});
