/** A chosen interface identifier (`token=`) on a real link in a real namespace. */
import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { encodeNdpFrame } from '../../../plugin/ndp/frame.ts';
import { linuxHost } from '../../../plugin/net/host.ts';
import { setSandboxIpv6, type SandboxIpv6 } from '../../../plugin/net/sandbox/sandbox-ipv6.ts';
import { parseToken } from '../../../plugin/vocabulary/ipv6/addressing.ts';
import { interfaceIdOf, parseIpv6 } from '../../../plugin/wire/address6.ts';
import { mac } from '../../support/frames/messages.ts';
import { createNamespace, ip, until, type TestNamespace } from '../../support/lab/netns.ts';
import { advertisement, prefix } from '../../unit/ndp/ndp-messages.ts';

const MAC = mac('02:00:00:00:00:c1');
const TOKEN = parseToken('::53')!;
const CHOSEN: SandboxIpv6 = {
  ...{ address: undefined, former: undefined, routers: [], isAutonomous: true },
  isOffByDocker: true,
  ...{ token: TOKEN, unwanted: interfaceIdOf(MAC) },
};

let container: TestNamespace;
const set = (wanted: Partial<SandboxIpv6> = {}) =>
  setSandboxIpv6(
    { netnsPath: container.path, hostEnd: 'vdh0', containerEnd: 'vdc0' },
    { ...CHOSEN, ...wanted },
  );
const inside = (command: string) => container.run(() => ip(command));
const sysctl = (setting: string) =>
  container.run(() => spawnSync('sysctl', ['-qw', `net.ipv6.conf.eth0.${setting}`]));
const addresses = () =>
  [...inside('-6 -o address show dev eth0 scope global').matchAll(/inet6 (\S+)/g)].map(
    ([, address]) => address,
  );
const hear = (...prefixes: ReturnType<typeof prefix>[]) =>
  linuxHost.sendInto('vdh0', [encodeNdpFrame(advertisement({ options: prefixes }))]);
/** Routers repeat themselves: the link may not hear yet. */
const heard = (expected: string, ...prefixes: ReturnType<typeof prefix>[]) =>
  until(`the link has ${expected}`, () => {
    hear(...prefixes);
    return addresses().includes(expected);
  });
const FIRST = prefix('2001:db8:500::/64');
const SECOND = prefix('2001:db8:501::/64');

beforeEach(() => {
  container = createNamespace();
  ip('link add vdh0 type veth peer name vdc0');
  ip('link set vdh0 up');
  ip(`link set vdc0 netns ${container.name} name eth0`);
  inside(`link set eth0 address ${MAC}`);
  inside('link set eth0 up');
});
afterEach(() => {
  spawnSync('ip', ['link', 'delete', 'vdh0']);
  container.delete();
});

test('the router was heard before: the address of the MAC goes, and the chosen one is alone', async () => {
  await heard('2001:db8:500::ff:fe00:c1/64', FIRST);
  await set();
  expect(addresses()).toEqual([]);
  await heard('2001:db8:500::53/64', FIRST);
  expect(addresses()).toEqual(['2001:db8:500::53/64']);
});

test('an address as Docker adds it becomes the kernel’s own, and stays when it is set again', async () => {
  inside('address add 2001:db8:500::53/64 dev eth0 nodad');
  await set();
  await until('the address has an end', () => {
    hear(FIRST);
    return /::53\/64.*valid_lft [0-9]+sec/.test(inside('-6 -o address show dev eth0'));
  });
  await set();
  expect(addresses()).toEqual(['2001:db8:500::53/64']);
});

test('the router changes its prefix: the container has ::53 in the new one', async () => {
  await set();
  await heard('2001:db8:500::53/64', FIRST);
  const gone = { ...FIRST, preferredLifetime: 0 };
  await heard('2001:db8:501::53/64', gone, SECOND);
  expect(addresses().sort()).toEqual(['2001:db8:500::53/64', '2001:db8:501::53/64']);
  expect(inside('-6 -o address show dev eth0')).toMatch(/500::53\/64.*deprecated/);
});

test('an address that comes late: IPv6 is switched on, and the identifier is there already', async () => {
  sysctl('disable_ipv6=1');
  await set({
    address: {
      ...{ address: parseIpv6('2001:db8:500::53')!, prefixLength: 64 },
      ...{ preferredSeconds: undefined, validSeconds: undefined },
    },
  });
  await heard('2001:db8:501::53/64', FIRST, SECOND);
  expect(addresses().sort()).toEqual(['2001:db8:500::53/64', '2001:db8:501::53/64']);
});

test.each(['accept_ra=0', 'forwarding=1'])(
  'a container that takes no advertisements (%s) is left alone',
  async (setting) => {
    sysctl(setting);
    expect(await set()).toBe('set');
    expect(inside('token get dev eth0')).toMatch(/token :: /);
  },
);

test('with leased addresses alone: an address of a prefix goes, whenever it was made', async () => {
  await heard('2001:db8:500::ff:fe00:c1/64', FIRST);
  await set({ token: undefined, isAutonomous: false });
  expect(addresses()).toEqual([]);
});
