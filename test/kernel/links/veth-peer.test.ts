/** The index of a veth's other end is read without the kernel's lock of links, if /sys tells it. */
import { afterEach, beforeEach, expect, test } from 'vitest';

import { enterSandbox, ip, runNode } from '../../support/lab/netns.ts';
import type { Sandbox, TestNamespace } from '../../support/lab/netns.ts';

let sandbox: Sandbox;
let host: TestNamespace;
let container: TestNamespace;

beforeEach(() => {
  sandbox = enterSandbox();
  host = sandbox.addNamespace();
  container = sandbox.addNamespace();
  // So the other end has another index than this one.
  for (const name of ['one', 'two']) ip(`-n ${container.name} link add name ${name} type dummy`);
  host.run(() => ip(`link add name vh0 type veth peer name vc0 netns ${container.name}`));
});
afterEach(() => sandbox.dispose());

function indexIn({ name }: TestNamespace): number {
  const [link] = JSON.parse(ip(`-n ${name} -j link show dev vc0`)) as { ifindex: number }[];
  return link!.ifindex;
}

/** @param wrap enters the namespace `host`. @returns what /sys tells, and what is used. */
function onHost(wrap: readonly string[], end = 'vh0'): unknown {
  const script = `console.log(JSON.stringify([subject.vethPeerIndex('${end}', () => null), subject.vethPeerIndex('${end}') ?? null]))`;
  const { stdout, stderr } = runNode('plugin/net/netlink/veth-peer.ts', script, wrap);
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as unknown;
}

test('/sys of this namespace tells it; after a move to a namespace where the index is taken, too', () => {
  const withOwnSys = ['ip', 'netns', 'exec', host.name];
  const first = indexIn(container);
  expect(onHost(withOwnSys)).toEqual([first, first]);
  const next = sandbox.addNamespace();
  ip(`-n ${next.name} link add name taken index ${first} type dummy`);
  ip(`-n ${container.name} link set vc0 netns ${next.name}`);
  const second = indexIn(next);
  expect(second).not.toBe(first);
  expect(onHost(withOwnSys)).toEqual([second, second]);
  expect(onHost(withOwnSys, 'gone0')).toEqual([null, null]);
});

test('/sys of another namespace is not believed, also with a link of that name: the kernel is asked', () => {
  const other = sandbox.addNamespace();
  other.run(() => ip('link add name vh0 type veth peer name vc9'));
  // /sys of `other`, and then the namespace `host`.
  const wrap = ['ip', 'netns', 'exec', other.name, 'nsenter', `--net=${host.path}`];
  expect(onHost(wrap)).toEqual([null, indexIn(container)]);
});
