/**
 * A hub beside a trunk, and members behind the Internet, each in a network namespace of its own.
 *
 *   [site] trunk.500 10.50.0.1, trunk.600 ═ eth1 [hub] wan 203.0.113.10 ── [inet]
 *   [inet] ─┬─ [nat] ─┬─ [laptop]
 *           │         └─ [cloud]
 *           └─ 198.51.100.9 [spy]
 *
 * The NAT drops what comes in unasked. `spy` is on the Internet and has no key.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HubDesired, HubMember } from '../../../plugin/hub/desired.ts';
import { hubLinks } from '../../../plugin/hub/kernel/hub-links.ts';
import { enterNetworkNamespace } from '../../../plugin/net/libc.ts';
import { ensureNetworkLinks } from '../../../plugin/net/links/links.ts';
import { removeNetworkLinks } from '../../../plugin/net/links/remove-links.ts';
import type { MemberDesired } from '../../../plugin/uplink/desired.ts';
import { memberLinks } from '../../../plugin/uplink/kernel/tunnel-links.ts';
import { generateKey, publicKeyOf, type WgKey } from '../../../plugin/uplink/wireguard-key.ts';
import { enterSandbox, run, until, type Sandbox, type TestNamespace } from '../lab/netns.ts';

const MEMBERS = ['laptop', 'cloud'] as const;
type MemberName = (typeof MEMBERS)[number];

const NUMBER: Readonly<Record<MemberName, number>> = { laptop: 2, cloud: 3 };
export const HUB_TUNNEL = '10.83.41.1';
export const HUB_WAN = '203.0.113.10';
/** Above this number is that of the member. */
export const FIRST_VNI = 7_758_848;

export class TunnelSite {
  readonly site: TestNamespace;
  readonly hub: TestNamespace;
  readonly inet: TestNamespace;
  readonly nat: TestNamespace;
  readonly spy: TestNamespace;
  readonly members: Readonly<Record<MemberName, TestNamespace>>;
  readonly folder = mkdtempSync(join(tmpdir(), 'vlandhcp-uplink-'));
  readonly #sandbox: Sandbox;
  readonly #keys: Readonly<Record<MemberName | 'hub', WgKey>>;
  #server: ChildProcess | undefined;
  readonly #containers: (() => Promise<void>)[] = [];

  constructor() {
    this.#sandbox = enterSandbox();
    const add = () => this.#sandbox.addNamespace();
    [this.site, this.hub, this.inet, this.nat, this.spy] = [add(), add(), add(), add(), add()];
    this.members = { laptop: add(), cloud: add() };
    this.#keys = { hub: generateKey(), laptop: generateKey(), cloud: generateKey() };
    this.#wire();
  }

  /** One shell makes all of it: a process of this test's size is slow to fork. */
  #wire(): void {
    const { site, hub, inet, nat, spy, members } = this;
    const { laptop, cloud } = members;
    const quiet = 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6';
    const all = [site, hub, inet, nat, spy, laptop, cloud];
    const lines = all.flatMap(({ name }) => [
      `ip netns exec ${name} sh -c '${quiet}'`,
      `ip -n ${name} link set lo up`,
    ]);
    for (const router of [inet, nat]) {
      lines.push(`ip netns exec ${router.name} sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'`);
    }
    const at = (where: TestNamespace, ...commands: string[]) =>
      lines.push(`ip -n ${where.name} -batch - <<'IP'`, ...commands, 'IP');
    at(site, ...pairLines('trunk', hub, 'eth1'));
    at(inet, ...pairLines('hub', hub, 'wan'), ...pairLines('nat', nat, 'wan'));
    at(inet, ...pairLines('spy', spy, 'eth0'));
    at(nat, ...pairLines('laptop', laptop, 'eth0'), ...pairLines('cloud', cloud, 'eth0'));
    for (const vlan of [500, 600]) {
      at(site, `link add link trunk name trunk.${vlan} type vlan id ${vlan}`);
      at(site, `address add 10.${vlan / 10}.0.1/24 dev trunk.${vlan}`, `link set trunk.${vlan} up`);
    }
    at(hub, 'link set eth1 up', 'link set wan up', `address add ${HUB_WAN}/24 dev wan`);
    at(hub, 'route add default via 203.0.113.1');
    at(inet, 'address add 203.0.113.1/24 dev hub', 'address add 192.0.2.1/24 dev nat');
    at(inet, 'address add 198.51.100.1/24 dev spy');
    at(spy, 'link set eth0 up', 'address add 198.51.100.9/24 dev eth0');
    at(spy, 'route add default via 198.51.100.1');
    at(nat, 'link set wan up', 'address add 192.0.2.2/24 dev wan');
    at(nat, 'route add default via 192.0.2.1', 'link add lan type bridge', 'link set lan up');
    at(nat, 'address add 192.168.1.1/24 dev lan', 'link set laptop master lan');
    at(nat, 'link set cloud master lan');
    for (const name of MEMBERS) {
      const member = members[name];
      at(member, 'link set eth0 up', `address add 192.168.1.${NUMBER[name]}/24 dev eth0`);
      at(member, 'route add default via 192.168.1.1');
    }
    lines.push(`ip netns exec ${nat.name} nft -f /dev/fd/0 <<'NFT'`);
    lines.push('table ip nat {', 'chain post { type nat hook postrouting priority 100;');
    lines.push('oifname "wan" masquerade; }', 'chain in { type filter hook forward priority 0;');
    lines.push('iifname "wan" ct state new drop; }', '}', 'NFT');
    run('sh', ['-es'], lines.join('\n') + '\n');
  }

  /** @param members VLANs by name. A name that is missing is not a member. */
  hubDesired(
    members: Partial<Record<MemberName, readonly number[]>>,
    more: Partial<HubDesired> = {},
  ): HubDesired {
    return {
      ...{ device: 'vdhub', privateKey: this.#keys.hub, listenPort: 51820, prefixLength: 24 },
      ...{ address: HUB_TUNNEL, trunk: 'eth1', mtu: 1500, guests: [] },
      members: MEMBERS.filter((name) => members[name] !== undefined).map((name) =>
        this.#hubMember(name, members[name]!),
      ),
      ...more,
    };
  }

  #hubMember(name: MemberName, vlans: readonly number[]): HubMember {
    const number = NUMBER[name];
    const publicKey = publicKeyOf(this.#keys[name]);
    const address = `10.83.41.${number}`;
    return { name, number, publicKey, address, vni: FIRST_VNI + number, vlans, mesh: false };
  }

  memberDesired(name: MemberName, vlans: readonly number[], carrier = true): MemberDesired {
    return {
      ...{ device: 'uplink0', privateKey: this.#keys[name], prefixLength: 24 },
      address: `10.83.41.${NUMBER[name]}`,
      hub: {
        publicKey: publicKeyOf(this.#keys.hub),
        ...{ address: HUB_TUNNEL, endpoint: `${HUB_WAN}:51820` },
      },
      trunk: { site: 'hq', vni: FIRST_VNI + NUMBER[name], vlans, mtu: 1500, carrier },
    };
  }

  ensureHub(...args: Parameters<TunnelSite['hubDesired']>): Promise<void> {
    return inside(this.hub, () => hubLinks.ensure(this.hubDesired(...args)));
  }

  ensureMember(...args: Parameters<TunnelSite['memberDesired']>): Promise<void> {
    return inside(this.members[args[0]], () => memberLinks.ensure(this.memberDesired(...args)));
  }

  /** The hub with its members and the members with their trunks, ready to carry frames. */
  async up(members: Partial<Record<MemberName, readonly number[]>>): Promise<void> {
    await this.ensureHub(members);
    for (const name of MEMBERS) {
      const vlans = members[name];
      if (vlans === undefined) continue;
      await this.ensureMember(name, vlans);
      await this.handshake(name);
    }
  }

  handshake(name: MemberName): Promise<void> {
    return until(`${name} and the hub have shaken hands`, () =>
      /\t[1-9]/.test(
        this.members[name].run(() => run('wg', ['show', 'wg-uplink0', 'latest-handshakes'])),
      ),
    );
  }

  /**
   * A container on that VLAN of the member: a veth on a bridge that the plugin's own code makes.
   * @param address undefined: none yet.
   */
  async container(name: MemberName, vlan: number, address?: string): Promise<TestNamespace> {
    const member = this.members[name];
    const bridge = `br${vlan}`;
    await inside(member, () =>
      ensureNetworkLinks({ parent: 'uplink0', vlan, bridge, mtu: undefined }),
    );
    const container = this.#sandbox.addNamespace();
    container.run(() => run('sh', ['-c', 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6']));
    batch(member, [
      ...pairLines(`c${vlan}`, container, 'eth0'),
      `link set c${vlan} master ${bridge}`,
    ]);
    batch(container, [
      'link set lo up',
      'link set eth0 up',
      ...(address === undefined
        ? []
        : [`address add ${address}/24 dev eth0`, `route add default via 10.${vlan / 10}.0.1`]),
    ]);
    this.#containers.push(async () => {
      container.delete();
      await inside(member, () =>
        removeNetworkLinks({ parent: 'uplink0', vlan, vlanLink: `uplink0.${vlan}`, bridge }),
      );
    });
    return container;
  }

  /** Takes down what a test has put up. The Internet and the hosts stay. */
  async clear(): Promise<void> {
    for (const remove of this.#containers.splice(0).reverse()) await remove();
    for (const member of Object.values(this.members)) {
      await inside(member, () => memberLinks.remove('uplink0'));
    }
    await inside(this.hub, () => hubLinks.remove('vdhub'));
  }

  async startDnsmasq(): Promise<void> {
    const { site, folder } = this;
    const child = spawn('ip', [
      ...['netns', 'exec', site.name, 'dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null'],
      ...['--port=0', '--no-ping', '--bind-interfaces', '--interface=trunk.500', '--user=root'],
      ...['--pid-file=', '--log-facility=-', '--dhcp-authoritative', '--log-dhcp'],
      ...[
        `--dhcp-leasefile=${folder}/leases`,
        '--dhcp-range=10.50.0.100,10.50.0.150,255.255.255.0',
      ],
    ]);
    this.#server = child;
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    }
    await until('dnsmasq is ready', () => /DHCP, sockets bound|DHCP, IP range/.test(text));
  }

  /** Leases an address by a real DHCP client, and sets it. @returns the address. */
  lease(container: TestNamespace): string {
    const script = join(this.folder, 'udhcpc');
    writeFileSync(script, '#!/bin/sh\n[ "$1" != bound ] || ip address add "$ip/24" dev eth0\n', {
      mode: 0o755,
    });
    const words = ['udhcpc', '-f', '-n', '-q', '-t', '5', '-T', '1', '-i', 'eth0', '-s', script];
    container.run(() => run('busybox', words));
    const shown = container.run(() => run('ip', ['-4', '-o', 'address', 'show', 'dev', 'eth0']));
    return /inet ([\d.]+)\//.exec(shown)?.[1] ?? 'none';
  }

  async dispose(): Promise<void> {
    const server = this.#server;
    if (server !== undefined) {
      const ended = new Promise((resolve) => server.on('close', resolve));
      server.kill('SIGKILL');
      await ended;
    }
    this.#sandbox.dispose();
    rmSync(this.folder, { recursive: true });
  }
}

/** Runs asynchronous work with this thread in the namespace. One at a time. */
export async function inside<Result>(
  namespace: Pick<TestNamespace, 'path'>,
  work: () => Promise<Result>,
): Promise<Result> {
  const [home, there] = ['/proc/thread-self/ns/net', namespace.path].map((path) =>
    openSync(path, 'r'),
  );
  enterNetworkNamespace(there!);
  try {
    return await work();
  } finally {
    enterNetworkNamespace(home!);
    closeSync(home!);
    closeSync(there!);
  }
}

/** How many of `count` pings are answered. @param more further words of `ping`. */
export function pings(from: TestNamespace, to: string, count = 3, ...more: string[]): number {
  const words = ['-c', 'x', '-i', '0.05', '-W', '1', ...more, to];
  words[1] = String(count);
  const said = from.run(() => run('sh', ['-c', 'ping "$@" || :', 'ping', ...words]));
  return Number(/(\d+) received/.exec(said)?.[1] ?? 0);
}

/** The packets that a named counter of the rules has counted. */
export function counted(where: TestNamespace, family: string, table: string, name: string): number {
  const said = where.run(() => run('nft', ['list', 'counter', family, table, name]));
  return Number(/packets (\d+)/.exec(said)?.[1] ?? NaN);
}

export function batch(where: TestNamespace, lines: readonly string[]): void {
  where.run(() => run('ip', ['-batch', '-'], `${lines.join('\n')}\n`));
}

function pairLines(name: string, other: TestNamespace, otherName: string): readonly string[] {
  return [
    `link add name ${name} type veth peer name ${otherName} netns ${other.name}`,
    `link set ${name} up`,
  ];
}
