/**
 * The place of one kernel test: a bridge with one container's link, a far host with a DHCP server,
 * and the lease service. It is in a namespace of its own. `dispose` removes everything.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClock } from '../../../plugin/clock.ts';
import type { Lease } from '../../../plugin/vocabulary/lease.ts';
import type { LeaseChange } from '../../../plugin/leasing/client-runner.ts';
import { LeaseService, type LeaseSubject } from '../../../plugin/leasing/lease-service.ts';
import { openArpSocket } from '../../../plugin/net/sockets/arp-socket.ts';
import { boottime } from '../../../plugin/net/boottime.ts';
import { linuxHost } from '../../../plugin/net/host.ts';
import { openIpv6Socket, openRouterSocket } from '../../../plugin/net/sockets/ipv6-socket.ts';
import { openLeaseSocket } from '../../../plugin/net/sockets/lease-socket.ts';
import { parseMac } from '../../../plugin/wire/address.ts';
import { MemoryLogger } from '../fakes/memory-logger.ts';
import { addParent, enterSandbox, ip, until, type Sandbox } from './netns.ts';

export const MAC = parseMac('02:00:00:00:00:aa')!;
export const ENDS = { hostEnd: 'vdh0', containerEnd: 'vdc0' };
const ODD_SERVER = fileURLToPath(new URL('../servers/odd-dhcp-server.mjs', import.meta.url));

interface RunningServer {
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
  readonly printed: () => string;
}

export class LeaseSite {
  readonly clock = createClock(boottime);
  readonly changes: LeaseChange[] = [];
  /** Each link-local address that was told, and `none`. */
  readonly linkLocals: string[] = [];
  readonly log = new MemoryLogger();
  readonly folder = mkdtempSync(join(tmpdir(), 'vlandhcp-lease-'));
  readonly leases: LeaseService;
  /** The namespace of the far host, which has 10.50.0.1/24 on `port1`. */
  readonly farName: string;
  readonly #sandbox: Sandbox;
  /** The link of the far host with its address. */
  readonly #farLink: string;
  #server: RunningServer | undefined;

  private constructor(sandbox: Sandbox, farName: string, farLink: string) {
    this.#sandbox = sandbox;
    this.farName = farName;
    this.#farLink = farLink;
    this.leases = new LeaseService({
      ...{ clock: this.clock, random: Math.random, log: this.log },
      ...{ openSocket: openLeaseSocket, openArpSocket, probeSandbox: () => 'not-yet' },
      ...{ openIpv6Socket, openRouterSocket, onIpv6Change: () => undefined },
      onChange: (_key, change) => void this.changes.push(change),
      onLinkLocal: (_key, address) => void this.linkLocals.push(address ?? 'none'),
      onEntered: () => undefined,
    });
  }

  /** @param vlan two tags, the outer one 802.1ad. Undefined: untagged. */
  static async make(vlan?: '10.500'): Promise<LeaseSite> {
    const sandbox = enterSandbox();
    addParent('eth1', 'port1');
    const far = sandbox.addNamespace();
    ip(`link set port1 netns ${far.name}`);
    ip(`-n ${far.name} link set port1 up`);
    const farLink = vlan === undefined ? 'port1' : addFarTags(far.name);
    ip(`-n ${far.name} addr add 10.50.0.1/24 dev ${farLink}`);
    const site = new LeaseSite(sandbox, far.name, farLink);
    const network = {
      parent: 'eth1',
      vlan,
      mode: 'bridge',
      bridge: 'br0',
      mtu: undefined,
    } as const;
    const { mtu } = await linuxHost.ensureNetworkLinks(network);
    const rules = { mode: 'mac', mac: MAC, addresses: [], leases: true, noServer: false } as const;
    await linuxHost.ensureEndpointLink({
      ...{ ...ENDS, mac: MAC, mtu },
      connection: { kind: 'veth', bridge: 'br0', rules },
    });
    return site;
  }

  /** What the server has printed. */
  printed(): string {
    return this.#server?.printed() ?? '';
  }

  async startServer(ready: RegExp, command: readonly string[]): Promise<void> {
    const env = { ...process.env, KEA_PIDFILE_DIR: this.folder, KEA_LOCKFILE_DIR: this.folder };
    const args = ['netns', 'exec', this.farName, ...command];
    const child = spawn('ip', args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    }
    let isOver = false;
    const ended = new Promise<void>((resolve) => {
      child.on('close', () => {
        isOver = true;
        resolve();
      });
    });
    this.#server = { child, ended, printed: () => text };
    await until('the server is ready', () => {
      if (isOver) throw new Error(`${command.join(' ')} has ended: ${text}`);
      return ready.test(text);
    });
  }

  startDnsmasq(...more: string[]): Promise<void> {
    return this.startDnsmasqWith('10.50.0.100,10.50.0.150', ...more);
  }

  /** @param pool first and last address. */
  startDnsmasqWith(pool: string, ...more: string[]): Promise<void> {
    return this.startServer(/DHCP, sockets bound|DHCP, IP range/, [
      ...['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--port=0', '--no-ping'],
      ...['--bind-interfaces', `--interface=${this.#farLink}`, '--user=root', '--pid-file='],
      ...['--log-facility=-', '--dhcp-authoritative', '--log-dhcp'],
      `--dhcp-leasefile=${this.folder}/leases`,
      `--dhcp-range=${pool},255.255.255.0,1h`,
      ...more,
    ]);
  }

  /** One process for all behaviours; see odd-dhcp-server.mjs. */
  async serveOddly(habit: string, address = '10.50.0.1', offered = '10.50.0.120'): Promise<void> {
    if (this.#server === undefined) {
      const command = [process.execPath, ODD_SERVER, habit, address, '10.50.0.255', offered];
      return this.startServer(/ready/, command);
    }
    const before = this.printed().length;
    this.#server.child.stdin?.write(`${habit} ${address} ${offered}\n`);
    await until('it has the habit', () => this.printed().slice(before).includes(`now ${habit}`));
  }

  async stopServer(): Promise<void> {
    this.#server?.child.kill('SIGKILL');
    await this.#server?.ended;
    this.#server = undefined;
  }

  acquire(who: LeaseSubject = subject(), waitMs = 10_000): Promise<Lease> {
    const limits = { by: this.clock.now() + waitMs, signal: new AbortController().signal };
    return this.leases.acquire(who, { link: ENDS.containerEnd }, limits);
  }

  async dispose(): Promise<void> {
    try {
      this.leases.close();
    } finally {
      await this.stopServer();
      this.#sandbox.dispose();
      rmSync(this.folder, { recursive: true });
    }
  }
}

function addFarTags(far: string): string {
  ip(`-n ${far} link add link port1 name port1.10 type vlan protocol 802.1ad id 10`);
  ip(`-n ${far} link add link port1.10 name port1.10.500 type vlan id 500`);
  ip(`-n ${far} link set port1.10 up`);
  ip(`-n ${far} link set port1.10.500 up`);
  return 'port1.10.500';
}

export function subject(
  change: Partial<LeaseSubject['identity']> = {},
  how: Partial<Omit<LeaseSubject, 'identity'>> = {},
): LeaseSubject {
  const identity = {
    mac: MAC,
    clientId: Uint8Array.of(1, 2, 0, 0, 0, 0, 0xaa),
    hostName: undefined,
    requestedAddress: undefined,
    ...change,
  };
  return {
    ...{ key: 'endpoint', identity, mtu: 1500, segment: 'eth1 (untagged)' },
    ...{ acd: 'optimistic', allowedServers: [], rapidCommit: false },
    ...how,
  };
}
