import { afterEach, beforeEach, expect, test } from 'vitest';

import { SystemCallError } from '../../plugin/net/libc.ts';
import { findLink, removeLinkAt } from '../../plugin/net/rtnetlink.ts';
import { removeEndpointLink } from '../../plugin/net/endpoint-links.ts';
import { enterSandbox, ip, linkNames, openDescriptors, run } from '../support/netns.ts';
import type { Sandbox } from '../support/netns.ts';

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

test.each(['', 'vlandhcp', 'vlandhcp endpoints', 'my vlandhcp endpoint'])(
  'an endpoint link whose alias became %j is not ours any more, and stays',
  async (alias) => {
    run('ip', ['link', 'set', 'dev', 'vh0', 'alias', alias]);
    await removeEndpointLink('vh0');
    expect(linkNames()).toEqual(['vc0', 'vh0']);
  },
);
