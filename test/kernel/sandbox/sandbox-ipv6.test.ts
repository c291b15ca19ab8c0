/** IPv6 of a container's link, on a real link in a real namespace. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodeNdpFrame } from '../../../plugin/ndp/frame.ts';
import { linuxHost } from '../../../plugin/net/host.ts';
import { setSandboxIpv6, type SandboxIpv6 } from '../../../plugin/net/sandbox/sandbox-ipv6.ts';
import { parseIpv6 } from '../../../plugin/wire/address6.ts';
import { createNamespace, ip, until, type TestNamespace } from '../../support/lab/netns.ts';
import { advertisement, prefix } from '../../unit/ndp/ndp-messages.ts';

const address = (text: string, prefixLength: number) => ({
  ...{ address: parseIpv6(text)!, prefixLength },
});
const NOTHING: SandboxIpv6 = {
  ...{ address: undefined, former: undefined, routers: [], isAutonomous: true },
  isOffByDocker: true,
};
const LEASED = { ...address('2001:db8:500::123', 128), preferredSeconds: 600, validSeconds: 1200 };
const ROUTER = parseIpv6('fe80::1')!;

let container: TestNamespace;
const set = (wanted: Partial<SandboxIpv6>) =>
  setSandboxIpv6(
    { netnsPath: container.path, hostEnd: 'vdh0', containerEnd: 'vdc0' },
    { ...NOTHING, ...wanted },
  );
const inside = (command: string) => container.run(() => ip(command));
const addresses = () => inside('-6 address show dev eth0 scope global').trim();
const routes = () => inside('-6 route show default').trim();
const setting = (name: string) =>
  container.run(() => readFileSync(`/proc/sys/net/ipv6/conf/eth0/${name}`, 'utf8').trim());

beforeEach(() => {
  container = createNamespace();
  ip('link add vdh0 type veth peer name vdc0');
  ip('link set vdh0 up');
  ip(`link set vdc0 netns ${container.name} name eth0`);
  inside('link set eth0 up');
});
afterEach(() => {
  spawnSync('ip', ['link', 'delete', 'vdh0']);
  container.delete();
});

/** As Docker leaves a link for which it was told no address. */
function switchedOff(): void {
  container.run(() => spawnSync('sysctl', ['-qw', 'net.ipv6.conf.eth0.disable_ipv6=1']));
}

describe('an address that comes late', () => {
  test('switches IPv6 on, with the lifetimes of the lease, and leaves the settings as they were', async () => {
    switchedOff();
    const before = setting('accept_dad');
    expect(await set({ address: LEASED, isAutonomous: false })).toBe('set');
    expect(addresses()).toMatch(/2001:db8:500::123\/128 .*\n +valid_lft 1[0-9]{3}sec/);
    expect([setting('disable_ipv6'), setting('autoconf')]).toEqual(['0', '0']);
    expect(setting('accept_dad')).toBe(before);
    expect(setting('ra_defrtr_metric')).toBe('2048');
  });

  test('gets other lifetimes later, and goes as the former one', async () => {
    await set({ address: LEASED });
    await set({ address: { ...LEASED, preferredSeconds: 0, validSeconds: 50 } });
    expect(addresses()).toMatch(/deprecated.*\n +valid_lft (50|49|48)sec preferred_lft 0sec/);
    await set({ former: LEASED });
    expect(addresses()).toBe('');
    expect(await set({ former: LEASED })).toBe('set'); // it is gone already
  });

  test('nothing to set: IPv6 stays off, also if a router is there', async () => {
    switchedOff();
    expect(await set({ routers: [ROUTER] })).toBe('off');
    expect(setting('disable_ipv6')).toBe('1');
  });

  test('a person has switched IPv6 off in this container: it stays off', async () => {
    switchedOff();
    expect(await set({ address: LEASED, isOffByDocker: false, routers: [ROUTER] })).toBe('off');
    expect(setting('disable_ipv6')).toBe('1');
  });
});

describe('the default route', () => {
  const heard = () =>
    linuxHost.sendInto('vdh0', [
      encodeNdpFrame(advertisement({ options: [prefix('2001:db8:500::/64')] })),
    ]);

  test('comes with an advertisement that is passed on, behind those of Docker', async () => {
    await set({ address: LEASED });
    await until('the route is there', () => {
      heard();
      return routes() !== '';
    });
    expect(routes()).toMatch(/^default via fe80::[0-9a-f:]* dev eth0 proto ra metric 2048 expires/);
  });

  test('comes with the other routes that the router tells', async () => {
    await set({ address: LEASED });
    const subnet = { network: parseIpv6('2001:db8:77::')!, prefixLength: 48 };
    const told = advertisement({
      options: [{ type: 'route', subnet, preference: 'medium', lifetime: 600 }],
    });
    await until('the route is there', () => {
      linuxHost.sendInto('vdh0', [encodeNdpFrame(told)]);
      return inside('-6 route show 2001:db8:77::/48').includes('proto ra');
    });
  });

  test('until the kernel has heard a router, one that ends by itself stands in', async () => {
    await set({ address: LEASED, routers: [ROUTER] });
    expect(routes()).toMatch(/^default via fe80::1 dev eth0 metric 2049 expires [123][0-9]sec/);
    await set({ address: LEASED, routers: [ROUTER] });
    expect(routes().split('\n').length).toBe(1);
    await until("the kernel's own is there", () => {
      heard();
      return /proto ra metric 2048/.test(routes());
    });
    expect(routes()).toMatch(/metric 2049 expires/);
  });
});

test('--internal: no route of a router is taken, and those of before are gone', async () => {
  const subnet = { network: parseIpv6('2001:db8:77::')!, prefixLength: 48 };
  const route = { type: 'route', subnet, preference: 'medium', lifetime: 600 } as const;
  const say = (router: string, network = '2001:db8:500::/64') => {
    const told = advertisement({ options: [prefix(network), route] }, router);
    linuxHost.sendInto('vdh0', [encodeNdpFrame(told)]);
  };
  await until('two routers were heard before the plugin came', () => {
    say('fe80::1');
    say('fe80::2');
    return /via fe80::1[^]*via fe80::2|via fe80::2[^]*via fe80::1/.test(routes());
  });
  const own = { ...LEASED, preferredSeconds: undefined, validSeconds: undefined };
  await set({ address: own, isInternal: true, routers: [ROUTER] });
  expect(routes()).toBe('');
  await until('the kernel has heard another advertisement', () => {
    say('fe80::1', '2001:db8:501::/64');
    return addresses().includes('2001:db8:501:');
  });
  expect([routes(), inside('-6 route show 2001:db8:77::/48').trim()]).toEqual(['', '']);
  expect(addresses()).toContain('2001:db8:500::123/128');
});

describe('a container among two routers', () => {
  const SECOND = 'fe80::2';
  const say = (router: string, parts: Parameters<typeof advertisement>[0]) =>
    linuxHost.sendInto('vdh0', [encodeNdpFrame(advertisement(parts, router))]);
  const via = () => [...routes().matchAll(/via (fe80::[12]) /g)].map(([, one]) => one).sort();

  test('one ends, and the other is left; the prefix is replaced; all without the plugin', async () => {
    await set({});
    const old = prefix('2001:db8:500::/64');
    await until('both are there', () => {
      say('fe80::1', { options: [old] });
      say(SECOND, { options: [old] });
      return via().length === 2;
    });
    say('fe80::1', { routerLifetime: 0, options: [old] });
    await until('one is left', () => via().join() === SECOND);
    const ended = { ...old, preferredLifetime: 0, validLifetime: 0 };
    say(SECOND, { options: [ended, prefix('2001:db8:501::/64')] });
    await until('the new prefix has an address', () => /2001:db8:501:/.test(addresses()));
    await until('the old one is for no new connection', () =>
      /2001:db8:500:.*deprecated/.test(addresses()),
    );
    expect(via()).toEqual([SECOND]);
  });

  test('the one of higher preference is used (RFC 4191)', async () => {
    await set({});
    await until('both are there', () => {
      say('fe80::1', { preference: 'low', options: [prefix('2001:db8:500::/64')] });
      say(SECOND, { preference: 'high', options: [] });
      return via().length === 2;
    });
    await until('an address is usable', () => /2001:db8:500:(?!.*tentative)/.test(addresses()));
    expect(inside('-6 route get 2001:db8:99::2')).toContain(`via ${SECOND} `);
  });
});

test('what a container has set itself stays: it takes no advertisements, and gets its address', async () => {
  container.run(() => spawnSync('sysctl', ['-qw', 'net.ipv6.conf.eth0.accept_ra=0']));
  await set({ address: LEASED });
  const options = [prefix('2001:db8:500::/64')];
  linuxHost.sendInto('vdh0', [encodeNdpFrame(advertisement({ options }))]);
  // The kernel has handled the advertisement before it answers what comes behind it.
  await until('the kernel has heard it', () => {
    const counts = container.run(() => readFileSync('/proc/thread-self/net/snmp6', 'utf8'));
    return /Icmp6InRouterAdvertisements\s+[1-9]/.test(counts);
  });
  expect([setting('accept_ra'), routes()]).toEqual(['0', '']);
  expect(addresses()).toContain('2001:db8:500::123/128');
});

test('a link that is not there: nothing is done', async () => {
  inside('link delete eth0');
  expect(await set({ address: LEASED })).toBe('away');
});
