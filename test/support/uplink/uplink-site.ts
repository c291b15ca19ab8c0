/**
 * A site with a trunk and a hub, an internet, a NAT, and hosts behind it: network namespaces of
 * this machine, with the real programs of hub and uplink in them.
 *
 *   [site] trunk.500 trunk.600 ═ eth1 [hub] wan ─ [inet] ─ [nat] ─ eth0 [remote], [other]
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { run, until } from '../lab/netns.ts';

const root = join(import.meta.dirname, '../../..');
export const HUB_ADDRESS = '203.0.113.10';

export interface Said {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface SeenLink {
  readonly index: number;
  readonly alias: string | undefined;
  readonly up: boolean;
  readonly mtu: number;
}

export class UplinkSite {
  readonly folder = mkdtempSync(join(tmpdir(), 'vlandhcp-uplink-'));
  /** The programs of hub and uplink. */
  readonly bundle = join(this.folder, 'vlandhcp-uplink.cjs');
  /** Where the services and commands look for programs. */
  path = process.env['PATH'] ?? '';
  /** A shell that starts the services: `sh -c SCRIPT`, with the service as its arguments. */
  shell: readonly string[] = [];
  /** What services and commands have in their environment beside it. */
  environment: Readonly<Record<string, string>> = {};
  readonly #children = new Set<ChildProcess>();
  readonly #services = new Map<string, ChildProcess>();
  readonly #prefix = `vu${process.pid}`;
  readonly #namespaces: string[] = [];

  /** @param vlans the VLANs of the site: each has a gateway 10.<vlan/10>.0.1 and dnsmasq. */
  constructor(vlans: readonly number[] = [500, 600]) {
    buildSync({
      entryPoints: [join(root, 'plugin/uplink-main.ts')],
      ...{ bundle: true, platform: 'node', format: 'cjs', external: ['koffi'] },
      ...{ outfile: this.bundle, logLevel: 'error', define: { VLANDHCP_VERSION: '"test"' } },
    });
    for (const name of ['site', 'hub', 'inet', 'nat', 'remote', 'other']) this.#addNamespace(name);
    this.#cable('site', 'trunk', 'hub', 'eth1');
    this.#cable('hub', 'wan', 'inet', 'hub');
    this.#cable('nat', 'wan', 'inet', 'nat');
    this.#cable('nat', 'lan1', 'remote', 'eth0');
    this.#cable('nat', 'lan2', 'other', 'eth0');
    this.#address('hub', 'wan', `${HUB_ADDRESS}/24`, '203.0.113.1');
    this.#address('inet', 'hub', '203.0.113.1/24');
    this.#address('inet', 'nat', '198.51.100.1/24');
    this.#address('nat', 'wan', '198.51.100.7/24', '198.51.100.1');
    this.#address('nat', 'lan1', '192.168.7.1/24');
    this.#address('nat', 'lan2', '192.168.8.1/24');
    this.#address('remote', 'eth0', '192.168.7.2/24', '192.168.7.1');
    this.#address('other', 'eth0', '192.168.8.2/24', '192.168.8.1');
    this.exec('inet', 'sysctl -qw net.ipv4.ip_forward=1');
    this.#masquerade('nat');
    for (const vlan of vlans) {
      this.ip('site', `link add link trunk name trunk.${vlan} type vlan id ${vlan}`);
      this.#address('site', `trunk.${vlan}`, `${this.subnet(vlan)}.1/24`);
      this.start(
        'site',
        'dnsmasq',
        ...['--keep-in-foreground', '--conf-file=/dev/null', '--port=0', '--no-ping'],
        ...['--bind-interfaces', `--interface=trunk.${vlan}`, '--leasefile-ro', '--user=root'],
        ...[`--dhcp-range=${this.subnet(vlan)}.100,${this.subnet(vlan)}.199,1h`, '--pid-file='],
      );
    }
  }

  /** Another network for the remote host, behind a NAT of its own: `eth1`, which is down. */
  addCafe(): void {
    this.#addNamespace('cafe');
    this.#cable('cafe', 'wan', 'inet', 'cafe');
    this.#cable('cafe', 'lan1', 'remote', 'eth1');
    this.#address('inet', 'cafe', '192.0.2.1/24');
    this.#address('cafe', 'wan', '192.0.2.7/24', '192.0.2.1');
    this.#address('cafe', 'lan1', '192.168.9.1/24');
    this.#address('remote', 'eth1', '192.168.9.2/24');
    this.ip('remote', 'link set dev eth1 down');
    this.#masquerade('cafe');
  }

  ns(name: string): string {
    return `${this.#prefix}${name}`;
  }

  subnet(vlan: number): string {
    return `10.${vlan / 10}.0`;
  }

  ip(name: string, words: string): string {
    return run('ip', ['-n', this.ns(name), ...words.split(' ')]);
  }

  exec(name: string, words: string): string {
    return run('ip', ['netns', 'exec', this.ns(name), ...words.split(' ')]);
  }

  /** Adds a table of IPv4 with one chain. @param before what the table has before the chain. */
  nft(name: string, table: string, chain: readonly string[], before = ''): void {
    const lines = [`table ip ${table} {`, before, 'chain one {', ...chain, '}', '}'];
    run('ip', ['netns', 'exec', this.ns(name), 'nft', '-f', '-'], `${lines.join('\n')}\n`);
  }

  /** For what enters the namespace itself. */
  where(name: string): { readonly path: string } {
    return { path: `/run/netns/${this.ns(name)}` };
  }

  tried(name: string, words: string): Said {
    const args = ['netns', 'exec', this.ns(name), ...words.split(' ')];
    const { status, stdout, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
    return { status, stdout, stderr };
  }

  /** A command of ours on that host, with what is typed into it. */
  vlandhcp(name: string, words: string, input = ''): Said {
    const args = ['netns', 'exec', this.ns(name), process.execPath, this.bundle];
    const options = { encoding: 'utf8', input, env: this.#env(name) } as const;
    const { status, stdout, stderr } = spawnSync('ip', [...args, ...words.split(' ')], options);
    return { status, stdout, stderr };
  }

  /** The same without waiting for it here: two hosts type at once. */
  async typed(name: string, words: string, input: string): Promise<Said> {
    const args = ['netns', 'exec', this.ns(name), process.execPath, this.bundle];
    const child = spawn('ip', [...args, ...words.split(' ')], { env: this.#env(name) });
    this.#children.add(child);
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.stdin.end(input);
    const [status] = (await once(child, 'close')) as [number | null];
    return { status, stdout, stderr };
  }

  /** Starts the service of that host, and waits until it says that it is ready. */
  async service(name: string, role: 'hub' | 'uplink'): Promise<void> {
    const before = this.log.length;
    const shell = this.shell.length === 0 ? [] : [...this.shell, 'service'];
    const child = this.start(name, ...shell, process.execPath, this.bundle, role, 'run');
    this.#services.set(name, child);
    await until(`${name} serves`, () => {
      if (child.exitCode !== null) throw new Error(`${role} ended: ${this.log.slice(before)}`);
      return /"(hub|uplink service) ready"/.test(this.log.slice(before));
    });
  }

  async kill(name: string): Promise<void> {
    const service = this.#services.get(name);
    if (service === undefined || service.exitCode !== null) return;
    const gone = once(service, 'exit');
    service.kill('SIGKILL');
    await gone;
  }

  /** As if its folder was moved away. The links stay. */
  async forget(name: string): Promise<void> {
    await this.kill(name);
    rmSync(join(this.folder, name), { recursive: true, force: true });
  }

  /** A file of the state of that host. */
  file(name: string, path: string): string {
    return join(this.folder, name, path);
  }

  /** Packets that a named counter of nft has counted. */
  counter(name: string, family: string, table: string, counter: string): number {
    const said = this.exec(name, `nft list counter ${family} ${table} ${counter}`);
    return Number(/packets (\d+)/.exec(said)?.[1]);
  }

  /** A DHCP client that leases once and takes nothing. Returns the address; undefined: none. */
  lease(name: string, link: string): string | undefined {
    const words = `busybox udhcpc -f -n -q -t 6 -T 1 -s /bin/true -i ${link}`;
    const { stdout, stderr } = this.tried(name, words);
    return /lease of (\S+) obtained/.exec(stdout + stderr)?.[1];
  }

  pings(name: string, target: string, more = ''): boolean {
    const words = `ping -n -c 1 -W 2 ${more} ${target}`.replace(/ +/g, ' ');
    return this.tried(name, words).status === 0;
  }

  /** All links, by name, with what must not change by itself. */
  links(name: string): Record<string, SeenLink> {
    const links = JSON.parse(this.ip(name, '-j link show')) as {
      ifname: string;
      ifindex: number;
      ifalias?: string;
      mtu: number;
      operstate: string;
      flags: string[];
    }[];
    return Object.fromEntries(
      links.map(({ ifname, ifindex, ifalias, flags, mtu }) => [
        ifname,
        { index: ifindex, alias: ifalias, up: flags.includes('LOWER_UP'), mtu },
      ]),
    );
  }

  dispose(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    for (const name of this.#namespaces) spawnSync('ip', ['netns', 'del', this.ns(name)]);
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What the services have logged, for a test that fails. */
  log = '';

  /** A program on that host, which ends with the site. What it says is in `log`. */
  start(name: string, ...command: string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.ns(name), ...command], {
      env: this.#env(name),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const keep = (chunk: Buffer): void => void (this.log += `${name}: ${chunk.toString()}`);
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    this.#children.add(child);
    return child;
  }

  #env(name: string): NodeJS.ProcessEnv {
    return {
      ...process.env,
      ...this.environment,
      PATH: this.path,
      NODE_PATH: join(root, 'node_modules'),
      STATE_DIR: join(this.folder, name),
      RUN_DIR: join(this.folder, name, 'run'),
    };
  }

  #addNamespace(name: string): void {
    this.#namespaces.push(name);
    run('ip', ['netns', 'add', this.ns(name)]);
    this.ip(name, 'link set dev lo up');
  }

  /** Lets in from the Internet what was asked for, and nothing else. */
  #masquerade(name: string): void {
    this.exec(name, 'sysctl -qw net.ipv4.ip_forward=1');
    run(
      'ip',
      ['netns', 'exec', this.ns(name), 'nft', '-f', '-'],
      `table ip nat {
  chain post { type nat hook postrouting priority 100
    oifname "wan" masquerade
  }
}
table ip filter {
  chain forward { type filter hook forward priority 0; policy drop
    iifname "lan*" accept
    ct state established,related accept
  }
}
`,
    );
  }

  #cable(a: string, aName: string, b: string, bName: string): void {
    const [one, two] = [this.ns(a), this.ns(b)];
    run(
      'ip',
      `link add name ${aName} netns ${one} type veth peer name ${bName} netns ${two}`.split(' '),
    );
    this.ip(a, `link set dev ${aName} up`);
    this.ip(b, `link set dev ${bName} up`);
  }

  #address(name: string, link: string, address: string, gateway?: string): void {
    this.ip(name, `addr add ${address} dev ${link}`);
    this.ip(name, `link set dev ${link} up`);
    if (gateway !== undefined) this.ip(name, `route add default via ${gateway}`);
  }
}
