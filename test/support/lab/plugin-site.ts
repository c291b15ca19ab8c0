/**
 * The plugin as a process among real links, without Docker: a switch with a DHCP server in VLAN
 * 500, cards that are plugged into it, networks and containers as libnetwork makes them.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { expect } from 'vitest';
import { createNamespace, enterSandbox, ip, linkNames, run, until } from './netns.ts';
import type { Sandbox, TestNamespace } from './netns.ts';
import { PluginProcess } from './plugin-process.ts';
import { reaches } from './reaches.ts';

export interface Container {
  readonly id: string;
  readonly networkId: string;
  readonly namespace: TestNamespace;
  /** With its prefix length. */
  readonly address: string;
}

/** A lab machine has one slow core. */
const SLOW = 120_000;
/** The clients renew after this time, so that a test sees a renewal. */
const RENEWED_AFTER_SEC = 5;

export class PluginSite {
  readonly plugin = new PluginProcess();
  readonly #sandbox: Sandbox = enterSandbox();
  readonly #far: TestNamespace = this.#sandbox.addNamespace();
  #server: ChildProcess | undefined;
  #listener: Server | undefined;
  #made = 0;

  /** @param dns words for dnsmasq about its DNS. @param wrap a command that starts the plugin. */
  static async start(dns = ['--port=0'], wrap: readonly string[] = []): Promise<PluginSite> {
    const site = new PluginSite();
    const { name } = site.#far;
    // With an address of its own. Else it has that of a port, and changes it with its ports.
    ip(`-n ${name} link add sw address 02:00:00:00:0f:01 up type bridge`);
    ip(`-n ${name} link add link sw name sw.500 up type vlan id 500`);
    ip(`-n ${name} addr add 10.50.0.1/24 dev sw.500`);
    ip(`-n ${name} link set lo up`);
    await site.#serve(dns);
    await site.plugin.start(wrap);
    return site;
  }

  /** A card of that name, plugged into the switch. */
  plug(card: string, mac?: string): void {
    const far = this.#far.name;
    const address = mac === undefined ? '' : ` address ${mac}`;
    ip(`link add name ${card}${address} type veth peer name p-${card} netns ${far}`);
    ip(`-n ${far} link set p-${card} master sw up`);
    ip(`link set ${card} up`);
  }

  /** The switch's port of that card has no power, or has it again. */
  setPort(card: string, state: 'up' | 'down'): void {
    ip(`-n ${this.#far.name} link set p-${card} ${state}`);
  }

  /** What a program says on the other host of the VLAN. */
  office(program: string, ...words: string[]): string {
    return this.#far.run(() => spawnSync(program, words, { encoding: 'utf8' }).stdout);
  }

  /** The other host of the VLAN, 10.50.0.1, takes connections on that port from now on. */
  listen(port: number): void {
    // Without an address the socket is made before `listen` returns: in that namespace.
    this.#listener = this.#far.run(() => createServer((socket) => socket.end()).listen(port));
  }

  /** @param options as they follow `-o`. @returns its ID. */
  async network(options: Readonly<Record<string, string>>): Promise<string> {
    const id = this.#newId();
    await this.plugin.call('NetworkDriver.CreateNetwork', {
      NetworkID: id,
      Options: { 'com.docker.network.generic': options },
      IPv4Data: [{ AddressSpace: 'null', Pool: '0.0.0.0/0', Gateway: '' }],
      IPv6Data: [],
    });
    return id;
  }

  /** Does what dockerd and libnetwork do, and waits until the plugin has seen the container. */
  async container(networkId: string): Promise<Container> {
    const id = this.#newId();
    const made = await this.plugin.call('NetworkDriver.CreateEndpoint', {
      ...{ NetworkID: networkId, EndpointID: id, Options: {} },
      Interface: { Address: '', AddressIPv6: '', MacAddress: '' },
    });
    const address = (made['Interface'] as { Address: string }).Address;
    const namespace = createNamespace();
    const joined = await this.plugin.call('NetworkDriver.Join', {
      ...{ NetworkID: networkId, EndpointID: id, Options: {}, SandboxKey: namespace.path },
    });
    const link = (joined['InterfaceName'] as { SrcName: string }).SrcName;
    ip(`link set ${link} netns ${namespace.name}`);
    run(
      'ip',
      ['-n', namespace.name, '-batch', '-'],
      [
        `link set ${link} name eth0`,
        `addr add ${address} dev eth0`,
        'link set eth0 up',
        `route add default via ${String(joined['Gateway'])}`,
        '',
      ].join('\n'),
    );
    return { id, networkId, namespace, address };
  }

  async containers(networkId: string, count: number): Promise<readonly Container[]> {
    const made: Container[] = [];
    while (made.length < count) made.push(await this.container(networkId));
    await this.areSeen(made);
    return made;
  }

  /** The plugin has found the container's link by its name there. */
  async areSeen(containers: readonly Container[]): Promise<void> {
    const names = () => {
      const folder = join(this.plugin.stateDir, 'leases');
      const texts = readdirSync(folder)
        .filter((file) => file.endsWith('.json'))
        .map((file) => readFileSync(join(folder, file), 'utf8'));
      return texts.filter((text) => text.includes('"interfaceName"')).length;
    };
    const hasNames = readFileSync(this.#leaseFile(), 'utf8').includes('"hostEnd"')
      ? () => true // a port of a bridge is not made again in the container
      : () => names() >= containers.length;
    await until('the plugin sees the containers', hasNames, SLOW);
  }

  /**
   * Waits until the server answers to each of them, at the address and by the route it had. One
   * after another: all at once, these programs would keep the one core from the plugin.
   */
  async allReach(containers: readonly Container[]): Promise<void> {
    const giveUpAt = performance.now() + SLOW;
    for (const one of containers) {
      for (let said = await reaches(one); said !== 'yes'; said = await reaches(one)) {
        if (performance.now() < giveUpAt) continue;
        throw new Error(`${one.address} is cut off: ${said}\n${this.#lastWords()}`);
      }
    }
  }

  /** Waits until each of them has renewed its lease once more from now on. */
  async allRenew(containers: readonly Container[]): Promise<void> {
    const { plugin } = this;
    const before = plugin.log.length;
    const renewed = () =>
      new Set(
        plugin.log
          .slice(before)
          .filter(({ msg }) => msg === 'lease renewed')
          .map(({ endpoint }) => endpoint),
      );
    const wanted = containers.map(({ id }) => id.slice(0, 12));
    const missing = () => {
      const seen = renewed();
      return wanted.filter((id) => !seen.has(id));
    };
    await this.#until('each lease is renewed', () => missing().length === 0, missing);
  }

  async remove(networkId: string, containers: readonly Container[]): Promise<void> {
    for (const { id, namespace } of containers) {
      const which = { NetworkID: networkId, EndpointID: id };
      await this.plugin.call('NetworkDriver.Leave', which);
      await this.plugin.call('NetworkDriver.DeleteEndpoint', which);
      namespace.delete();
    }
    await this.plugin.call('NetworkDriver.DeleteNetwork', { NetworkID: networkId });
  }

  /**
   * Containers on VLAN 500 of that parent that all reach the server. Afterwards no link of ours is
   * left.
   */
  async withContainers(
    {
      mode,
      parent = 'eth1',
      count = 2,
      options = {},
    }: {
      readonly mode: string;
      readonly parent?: string;
      readonly count?: number;
      readonly options?: Readonly<Record<string, string>>;
    },
    work: (containers: readonly Container[], network: string) => Promise<void>,
  ): Promise<void> {
    const before = linkNames();
    const network = await this.network({ parent, vlan: '500', mode, ...options });
    let containers: readonly Container[] = [];
    try {
      containers = await this.containers(network, count);
      await this.allReach(containers);
      await work(containers, network);
    } finally {
      if (!this.plugin.isAlive) await this.plugin.start();
      await this.remove(network, containers);
    }
    expect(linkNames()).toEqual(before);
  }

  /**
   * The plugin is started and is killed at that moment: see die-after.mjs. Waits for its end after
   * `trigger`.
   */
  async dieAfter(
    moment: { readonly text: string; readonly times: number },
    trigger?: () => void,
  ): Promise<void> {
    const { plugin } = this;
    await plugin.end();
    const wrap = [
      ...['env', `DIE_AFTER=${moment.text}`, `DIE_TIMES=${moment.times}`],
      `NODE_OPTIONS=--import=${new URL('../fakes/die-after.mjs', import.meta.url).href}`,
    ];
    if (trigger === undefined) plugin.launch(wrap);
    else await plugin.start(wrap);
    trigger?.();
    await this.#until(`it dies after ${moment.text}`, () => !plugin.isAlive);
  }

  async dispose(): Promise<void> {
    try {
      await this.plugin.dispose();
    } finally {
      this.#server?.kill('SIGKILL');
      this.#listener?.close();
      this.#sandbox.dispose();
    }
  }

  /** A failure has the end of the plugin's log, of those endpoints only if there are some. */
  async #until(what: string, condition: () => boolean, of: () => string[] = () => []) {
    await until(what, condition, SLOW).catch((cause: unknown) => {
      throw new Error(`${what}: ${of().join()}\n${this.#lastWords(of())}`, { cause });
    });
  }

  #lastWords(endpoints: readonly string[] = []): string {
    const [about] = endpoints;
    return this.plugin.log
      .filter(({ endpoint }) => about === undefined || endpoint === about)
      .slice(-60)
      .map((entry) => JSON.stringify(entry))
      .join('\n');
  }

  #newId(): string {
    this.#made += 1;
    // The first digits count: they name links and are what the log shows.
    return (this.#made + 0x10000000).toString(16).padEnd(64, '0');
  }

  #leaseFile(): string {
    const folder = join(this.plugin.stateDir, 'leases');
    const file = readdirSync(folder).find((name) => name.endsWith('.json'));
    if (file === undefined) throw new Error('there is no lease');
    return join(folder, file);
  }

  async #serve(dns: readonly string[]): Promise<void> {
    const words = [
      ...['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--no-ping', ...dns],
      ...['--bind-interfaces', '--interface=sw.500', '--user=root', '--pid-file='],
      ...['--log-facility=-', '--dhcp-authoritative', '--leasefile-ro'],
      // A lost request is repeated after part of what is left of the lease (RFC 2131 §4.4.5).
      '--dhcp-range=10.50.0.100,10.50.0.199,255.255.255.0,2m',
      `--dhcp-option-force=58,${RENEWED_AFTER_SEC}`,
      `--dhcp-option-force=59,${6 * RENEWED_AFTER_SEC}`,
    ];
    const server = spawn('ip', ['netns', 'exec', this.#far.name, ...words]);
    this.#server = server;
    let said = '';
    for (const stream of [server.stdout, server.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
    }
    await until('the server is ready', () => /DHCP, (sockets bound|IP range)/.test(said));
  }
}
