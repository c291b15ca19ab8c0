/**
 * `dns=lease` on a real kernel: a container whose resolver listens behind Docker's own NAT rules,
 * the DNS server of its VLAN, and a host with other DNS servers.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  clearSandboxDns,
  prepareSandboxDns,
  setSandboxDns,
} from '../../../plugin/net/sandbox/sandbox-dns.ts';
import { ip as address, ip6 as address6 } from '../../support/frames/messages.ts';
import { enterSandbox, ip, run, until } from '../../support/lab/netns.ts';
import type { Sandbox, TestNamespace } from '../../support/lab/netns.ts';

const HOST_SERVER = '10.99.0.53';
const USERS_SERVER = '10.99.0.77';
const LEASED = '10.50.0.1';
const LEASED_LATER = '10.50.0.2';

/** The lease's address, and not that of another network. */
const FROM_CONTAINER = 'query[A] app.vlan from 10.50.0.100';

/** What each server says about the same name. */
const ANSWERS = {
  [HOST_SERVER]: '192.0.2.53',
  [USERS_SERVER]: '192.0.2.77',
  [LEASED]: '192.0.2.1',
  [LEASED_LATER]: '192.0.2.2',
} as const;

let site: Sandbox;
let container: TestNamespace;
let running: { child: ChildProcess; log: () => string }[];

beforeEach(() => {
  site = enterSandbox();
  container = site.addNamespace();
  running = [];
  ip('link set lo up');
  for (const server of [HOST_SERVER, USERS_SERVER]) ip(`address add ${server}/32 dev lo`);
  addLink('vdh0', 'vdc0', 'eth0', '10.50.0');
  ip(`address add ${LEASED_LATER}/24 dev vdh0`);
  inside('link set lo up');
  inside(`route add default via ${LEASED}`);
});
afterEach(async () => {
  for (const { child } of running) child.kill('SIGKILL');
  await until('the servers have ended', () => running.every(({ child }) => hasEnded(child)));
  site.dispose();
});

const hasEnded = ({ exitCode, signalCode }: ChildProcess) =>
  exitCode !== null || signalCode !== null;
const inside = (command: string) => container.run(() => ip(command));

/** A link of the container. The far end stands for the router. */
function addLink(hostEnd: string, containerEnd: string, name: string, prefix: string): void {
  ip(`link add ${hostEnd} type veth peer name ${containerEnd}`);
  ip(`address add ${prefix}.1/24 dev ${hostEnd}`);
  ip(`link set ${hostEnd} up`);
  ip(`link set ${containerEnd} netns ${container.name} name ${name}`);
  inside(`address add ${prefix}.100/24 dev ${name}`);
  inside(`link set ${name} up`);
}

/** dnsmasq with these words, in this namespace or in the container's. */
async function dnsServer(where: 'site' | 'container', listens: string, ...words: string[]) {
  const [, at = '', port = '53'] = /^\[?([^\]]*?)\]?(?::(\d+))?$/.exec(listens) ?? [];
  const command = ['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--no-resolv'];
  command.push('--no-hosts', '--user=root', '--pid-file=', '--bind-interfaces', '--log-queries');
  command.push('--log-facility=-', `--listen-address=${at}`, `--port=${port}`, ...words);
  const start = () => spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] });
  const child = where === 'site' ? start() : container.run(start);
  let text = '';
  child.stderr?.on('data', (part: Buffer) => (text += String(part)));
  const server = { child, log: () => text };
  running.push(server);
  const sockets = () =>
    run('ss', ['-Hlun', 'src', at.includes(':') ? `[${at}]` : at, 'and', 'sport', '=', `:${port}`]);
  const isUp = () => (where === 'site' ? sockets() : container.run(sockets)) !== '';
  await until(`the server on ${listens} is up: ${text}`, isUp);
  return server;
}

/** A server that has its own answer for `app.vlan`. */
const answers = (server: keyof typeof ANSWERS) =>
  dnsServer('site', server, `--address=/app.vlan/${ANSWERS[server]}`);

const server = (text: string) => (text.includes(':') ? address6(text) : address(text));
const set = (
  redirects: Record<string, string>,
  links = { hostEnd: 'vdh0', containerEnd: 'vdc0' },
) =>
  setSandboxDns(
    { netnsPath: container.path, ...links },
    Object.entries(redirects).map(([from, to]) => ({ from: server(from), to: server(to) })),
  );
const ruleset = () => container.run(() => run('nft', ['list', 'ruleset']));
const clear = (containerEnd = 'vdc0') => clearSandboxDns(container.path, containerEnd);

/** The address of the name, for the container. Undefined if nobody knows. */
function lookUp(name: string, server: string): string | undefined {
  const { stdout } = container.run(() =>
    spawnSync('busybox', ['nslookup', '-type=a', name, server], { encoding: 'utf8' }),
  );
  return /Name:.*\nAddress: (\S+)/.exec(stdout)?.[1];
}

describe('servers of IPv6', () => {
  const [HOST6, LEASED6, LEASED6_LATER] = ['2001:db8:99::53', '2001:db8:500::1', '2001:db8:500::2'];
  const answers6 = (listens: string, answer: string) =>
    dnsServer('site', `[${listens}]`, `--address=/app.vlan/${answer}`);

  beforeEach(async () => {
    ip(`address add ${HOST6}/128 dev lo`);
    for (const one of [LEASED6, LEASED6_LATER]) ip(`address add ${one}/64 dev vdh0 nodad`);
    inside('address add 2001:db8:500::100/64 dev eth0 nodad');
    await answers6(LEASED6, '192.0.2.61');
  });
  const withoutIpv4 = () => inside('-4 address flush dev eth0');
  const route = () => inside(`-6 route add default via ${LEASED6}`);

  test('a container without IPv4: by UDP and TCP to the server of the lease, which may change', async () => {
    withoutIpv4();
    route();
    await answers6(HOST6, '192.0.2.69');
    await answers6(LEASED6_LATER, '192.0.2.62');
    const before = ruleset();
    expect(lookUp('app.vlan', HOST6)).toBe('192.0.2.69');
    await set({ [HOST6]: LEASED6 });
    expect(lookUp('app.vlan', HOST6)).toBe('192.0.2.61');
    running[1]!.child.kill('SIGKILL');
    await until('the server of the host has ended', () => hasEnded(running[1]!.child));
    const overTcp = () =>
      container.run(() => spawnSync('busybox', ['nc', '-w', '2', HOST6, '53'], { input: '' }))
        .status;
    expect(overTcp()).toBe(0);
    await set({ [HOST6]: LEASED6_LATER });
    expect(lookUp('app.vlan', HOST6)).toBe('192.0.2.62');
    await clear();
    expect(ruleset()).toBe(before);
  });

  test('beside those of IPv4: a table for each family, and each goes by itself', async () => {
    route();
    await answers(LEASED);
    await set({ [HOST_SERVER]: LEASED, [HOST6]: LEASED6 });
    expect([lookUp('app.vlan', HOST_SERVER), lookUp('app.vlan', HOST6)]).toEqual([
      ANSWERS[LEASED],
      '192.0.2.61',
    ]);
    await set({ [HOST_SERVER]: LEASED });
    expect(ruleset()).not.toContain('table ip6');
    expect(lookUp('app.vlan', HOST_SERVER)).toBe(ANSWERS[LEASED]);
    await set({ [HOST6]: LEASED6 });
    expect(ruleset()).not.toContain('table ip vlandhcp');
    expect(lookUp('app.vlan', HOST6)).toBe('192.0.2.61');
  });
});

test('queries for a server of the host go to that of the lease, by UDP and TCP; others do not', async () => {
  await answers(HOST_SERVER);
  await answers(USERS_SERVER);
  const leased = await answers(LEASED);
  expect(lookUp('app.vlan', HOST_SERVER)).toBe(ANSWERS[HOST_SERVER]);
  expect(await set({ [HOST_SERVER]: LEASED })).toBe(true);
  expect(lookUp('app.vlan', HOST_SERVER)).toBe(ANSWERS[LEASED]);
  expect(lookUp('app.vlan', USERS_SERVER)).toBe(ANSWERS[USERS_SERVER]);
  await until('the query is logged', () => leased.log().includes(FROM_CONTAINER));
  const overTcp = (server: string) =>
    container.run(() => spawnSync('busybox', ['nc', '-w', '2', server, '53'], { input: '' }))
      .status;
  running[0]!.child.kill('SIGKILL');
  await until('the server of the host has ended', () => hasEnded(running[0]!.child));
  expect(overTcp(HOST_SERVER)).toBe(0);
  await clear();
  expect(overTcp(HOST_SERVER)).not.toBe(0);
});

test('set again, set to other servers, and removed: one table, and nothing left', async () => {
  await answers(LEASED_LATER);
  const before = ruleset();
  await set({ [HOST_SERVER]: LEASED });
  const once = ruleset();
  await set({ [HOST_SERVER]: LEASED });
  expect(ruleset()).toBe(once);
  await set({ [HOST_SERVER]: LEASED_LATER });
  expect(lookUp('app.vlan', HOST_SERVER)).toBe(ANSWERS[LEASED_LATER]);
  expect(ruleset()).not.toContain(`dnat to ${LEASED}\n`);
  await set({});
  expect(ruleset()).toBe(before);
  await set({ [HOST_SERVER]: LEASED });
  await clear();
  await clear(); // gone already
  expect(ruleset()).toBe(before);
});

test('rules can be there before the link, and are then those of the link', async () => {
  await answers(LEASED);
  const redirects = [{ from: address(HOST_SERVER), to: address(LEASED) }];
  const prepare = (netnsPath: string) =>
    prepareSandboxDns({ netnsPath, containerEnd: 'vdc0' }, redirects);
  expect(await prepare('/run/netns/not-yet')).toBe(false);
  expect(await prepare('/dev/null')).toBe(false); // the file, and nothing mounted on it
  expect(await prepare(container.path)).toBe(true);
  expect(lookUp('app.vlan', HOST_SERVER)).toBe(ANSWERS[LEASED]);
  await set({ [HOST_SERVER]: LEASED });
  expect(ruleset().split('table ip vlandhcp').length).toBe(2);
});

test('no rule of the host changes', async () => {
  const before = run('nft', ['list', 'ruleset']);
  await set({ [HOST_SERVER]: LEASED });
  expect(run('nft', ['list', 'ruleset'])).toBe(before);
});

describe.each(['iptables-nft', 'iptables-legacy'])('beside the rules of Docker (%s)', (program) => {
  const docker = (...rule: string[]) =>
    container.run(() => run(program, ['-t', 'nat', '-A', ...rule]));
  const rules = () => container.run(() => run(program, ['-t', 'nat', '-S']));
  const RESOLVER = '127.0.0.11';

  test('the names of Docker are known as before, and what its resolver asks goes to the lease', async () => {
    await answers(HOST_SERVER);
    await answers(LEASED);
    const own = ['--address=/other.container/172.18.0.9', `--server=${HOST_SERVER}`];
    await dnsServer('container', `${RESOLVER}:5353`, '--cache-size=0', ...own);
    const isQuery = ['-d', RESOLVER, '-p', 'udp', '--dport', '53'];
    docker('OUTPUT', ...isQuery, '-j', 'DNAT', '--to-destination', `${RESOLVER}:5353`);
    const isAnswer = ['-s', RESOLVER, '-p', 'udp', '--sport', '5353'];
    docker('POSTROUTING', ...isAnswer, '-j', 'SNAT', '--to-source', ':53');
    const before = rules();
    expect(lookUp('app.vlan', RESOLVER)).toBe(ANSWERS[HOST_SERVER]);
    await set({ [HOST_SERVER]: LEASED });
    expect(lookUp('app.vlan', RESOLVER)).toBe(ANSWERS[LEASED]);
    expect(lookUp('other.container', RESOLVER)).toBe('172.18.0.9');
    expect(rules()).toBe(before);
    await clear();
    expect(lookUp('app.vlan', RESOLVER)).toBe(ANSWERS[HOST_SERVER]);
    expect(lookUp('other.container', RESOLVER)).toBe('172.18.0.9');
    expect(rules()).toBe(before);
  });
});

describe('a container with a second network', () => {
  beforeEach(() => addLink('vdh1', 'vdc1', 'eth1', '172.18.0'));

  test('that has the default route: queries leave with the address of the way they take', async () => {
    inside('route replace default via 172.18.0.1');
    const leased = await answers(LEASED);
    await set({ [HOST_SERVER]: LEASED });
    expect(lookUp('app.vlan', HOST_SERVER)).toBe(ANSWERS[LEASED]);
    await until('the query is logged', () => leased.log().includes(FROM_CONTAINER));
  });

  test('with dns=lease, too: that of the interface with the lower number counts', async () => {
    await answers(LEASED);
    await answers(LEASED_LATER);
    await set({ [HOST_SERVER]: LEASED_LATER }, { hostEnd: 'vdh1', containerEnd: 'vdc1' });
    expect(lookUp('app.vlan', HOST_SERVER)).toBe(ANSWERS[LEASED_LATER]);
    await set({ [HOST_SERVER]: LEASED });
    expect(lookUp('app.vlan', HOST_SERVER)).toBe(ANSWERS[LEASED]);
    await set({ [HOST_SERVER]: LEASED_LATER }, { hostEnd: 'vdh1', containerEnd: 'vdc1' });
    expect(lookUp('app.vlan', HOST_SERVER)).toBe(ANSWERS[LEASED]);
    await clear();
    expect(lookUp('app.vlan', HOST_SERVER)).toBe(ANSWERS[LEASED_LATER]);
  });
});

test('a link that is not there: nothing is done; a sandbox that is gone is no error', async () => {
  inside('link delete eth0');
  expect(await set({ [HOST_SERVER]: LEASED })).toBe(false);
  await clearSandboxDns('/run/netns/never-there', 'vdc0');
});
