/**
 * Keeps the links of the networks as their records call for (D13). The kernel tells of every change; a change that
 * matters starts a look at all links, and what `wiring-plan.ts` finds is mended. Nothing is polled.
 *
 * It works beside the calls of Docker and never keeps one waiting, but for those that ask for it.
 */
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { Ms } from '../time.ts';
import type { Host } from './host.ts';
import { rulesBeforeJoin, rulesFor } from './port-guard.ts';
import type { EndpointRecord, NetworkRecord } from './records.ts';
import type { Registry } from './registry.ts';
import { PUT_OFF_FOR, RepairHistory } from './repair-history.ts';
import { WatchedLinks } from './watched-links.ts';
import { planWiring, type Repair, type WiredNetwork, type WiredPort } from './wiring-plan.ts';

/** Changes come in bursts, such as a bridge that goes with all its ports. */
const GATHERED_FOR: Ms = 20;
/** Repairs after which others may show: names, then links, then ports. */
const ROUNDS_AT_MOST = 4;

export interface WiringDeps {
  readonly registry: Registry;
  readonly host: Host;
  readonly clock: Clock;
  readonly log: Logger;
  readonly networks: {
    /** Makes what is missing of its links, or the bridge alone where the parent is. @throws PluginError */
    mend(networkId: string): Promise<unknown>;
    changeMtu(networkId: string, mtu: number): Promise<void>;
  };
  /** Tells the endpoints of a network that its MTU has changed. */
  readonly mtuChanged: (networkId: string) => void;
}

export class Wiring {
  readonly #deps: WiringDeps;
  #events: { close(): void } | undefined;
  #cancelTimer: () => void = () => undefined;
  #isDue = false;
  #run: Promise<void> | undefined;
  #isClosed = false;
  /** Indexes of links whose filter was taken off. */
  readonly #open = new Set<number>();
  readonly #watched: WatchedLinks;
  readonly #history: RepairHistory;
  /** Troubles and repairs that were told, until they are over. */
  #told = new Set<string>();

  constructor(deps: WiringDeps) {
    this.#deps = deps;
    this.#watched = new WatchedLinks(deps.registry);
    this.#history = new RepairHistory(deps.clock);
  }

  /** Listens from now on, and mends what there is to mend. Never throws: without events the look at each start is left. */
  async start(): Promise<void> {
    const { host, log, registry } = this.#deps;
    try {
      this.#events = host.watchLinks({
        onLink: (link, isGone) => {
          if (isGone ? this.#watched.has(link.index) : this.#watched.matters(link)) this.#soon();
        },
        onFilterGone: (index) => {
          if (!this.#watched.has(index)) return;
          this.#open.add(index);
          this.#soon();
        },
        onLost: () => this.#soon(),
      });
    } catch (err) {
      log.error(
        { err },
        'changes of links are not told; they are looked at when a container starts',
      );
    }
    // Links of before: made by a version without protection, or opened while we were away.
    for (const network of registry.networks()) await this.#protect(network);
    await this.settled(true);
  }

  close(): void {
    this.#isClosed = true;
    this.#events?.close();
    this.#cancelTimer();
  }

  /** Resolves when all that was told so far is mended. @param anew looks also if nothing was told. */
  async settled(anew = false): Promise<void> {
    while (anew || this.#isDue || this.#run !== undefined) {
      anew = false;
      this.#cancelTimer();
      this.#isDue = false;
      await (this.#run ?? this.#start());
    }
  }

  #soon(): void {
    if (this.#isDue || this.#isClosed) return;
    this.#isDue = true;
    const { clock } = this.#deps;
    this.#cancelTimer = clock.at(clock.now() + GATHERED_FOR, () => {
      this.#isDue = false;
      if (this.#run === undefined) void this.#start();
      else this.#isDue = true; // the run looks for it at its end
    });
  }

  #start(): Promise<void> {
    const { log } = this.#deps;
    this.#run = this.#mendAll()
      .catch((err: unknown) => log.error({ err }, 'links of networks not looked at'))
      .finally(() => {
        this.#run = undefined;
        if (!this.#isDue) return;
        this.#isDue = false;
        this.#soon();
      });
    return this.#run;
  }

  async #mendAll(): Promise<void> {
    const { host, log, clock } = this.#deps;
    let isPutOff = false;
    for (let round = 0; round < ROUNDS_AT_MOST && !this.#isClosed; round += 1) {
      const networks = this.#wanted();
      const links = await host.readLinks();
      const { repairs, troubles } = planWiring(links, networks);
      this.#watched.remember(links, networks);
      if (round === 0) this.#tell(troubles);
      const held = repairs.filter((repair) => this.#isToBeMade(repair));
      isPutOff ||= held.length < repairs.length;
      const done = new Set<string>();
      for (const repair of held) {
        const { networkId, link, seen, type } = repair;
        const key = `${type} ${link}`;
        if (done.has(key)) continue; // networks on one segment share their links
        done.add(key);
        const fields = { network: networkId.slice(0, 12), link, seen };
        try {
          await this.#mend(repair);
          log.info(fields, 'wiring mended');
        } catch (err) {
          if (this.#told.has(key)) log.debug({ ...fields, err }, 'wiring not mended');
          else log.error({ ...fields, err }, 'wiring not mended');
          this.#told.add(key);
        }
      }
      if (held.length === 0) break;
    }
    await this.#protectAgain();
    if (isPutOff) this.#cancelTimer = clock.at(clock.now() + PUT_OFF_FOR, () => this.#soon());
  }

  async #mend(repair: Repair): Promise<void> {
    const { host, networks, registry, mtuChanged, log } = this.#deps;
    switch (repair.type) {
      case 'rename':
        return host.renameLink(repair.index, repair.link);
      case 'links':
        await networks.mend(repair.networkId);
        return;
      case 'vlan-mtu':
        return host.setLinkMtu(repair.link, repair.mtu);
      case 'network-mtu':
        await networks.changeMtu(repair.networkId, repair.mtu);
        return mtuChanged(repair.networkId);
      case 'port': {
        const endpoint = registry.findEndpoint(repair.endpointId);
        const network = registry.findNetwork(repair.networkId);
        if (endpoint === undefined || network === undefined) return;
        const { hostEnd } = endpoint;
        const rules = rulesNow(network, endpoint);
        for (const warning of await host.attachPort({ hostEnd, bridge: repair.bridge, rules })) {
          log.warn({ link: hostEnd }, warning);
        }
      }
    }
  }

  #isToBeMade({ type, link, networkId }: Repair): boolean {
    const outcome = this.#history.note(`${type} ${link}`);
    if (outcome === 'fight') {
      this.#deps.log.warn(
        { network: networkId.slice(0, 12), link },
        'somebody undoes what is mended on this link; it is tried again every 30 s',
      );
    }
    return outcome === 'make';
  }

  #tell(troubles: ReadonlyMap<string, readonly string[]>): void {
    const { log } = this.#deps;
    const now = new Set([...this.#told].filter((key) => !key.startsWith('trouble ')));
    for (const [networkId, sentences] of troubles) {
      for (const sentence of sentences) {
        const key = `trouble ${networkId} ${sentence}`;
        now.add(key);
        if (this.#told.has(key)) continue;
        log.warn(
          { network: networkId.slice(0, 12), seen: sentence },
          'network cut off on this host',
        );
      }
    }
    this.#told = now;
  }

  /** Networks on one segment are wired alike; each port belongs to one of them. */
  #wanted(): readonly WiredNetwork[] {
    const { registry, host } = this.#deps;
    const ports = new Map<string, WiredPort[]>();
    for (const { id, networkId, hostEnd, mac } of registry.endpoints()) {
      const port = { endpointId: id, hostEnd, mac: host.hostEndMac(hostEnd, mac) };
      const others = ports.get(networkId);
      if (others === undefined) ports.set(networkId, [port]);
      else others.push(port);
    }
    return registry.networks().map((network) => ({ network, ports: ports.get(network.id) ?? [] }));
  }

  async #protectAgain(): Promise<void> {
    const { registry, host, log } = this.#deps;
    const open = [...this.#open];
    this.#open.clear();
    if (open.length === 0) return;
    const links = (await host.readLinks()).filter(({ index }) => open.includes(index));
    for (const { name } of links) {
      const endpoint = registry.endpoints().find(({ hostEnd }) => hostEnd === name);
      const network = endpoint && registry.findNetwork(endpoint.networkId);
      if (endpoint !== undefined && network !== undefined) {
        const rules = rulesNow(network, endpoint);
        const warnings = await host.guardEndpoints([{ hostEnd: name, rules }]);
        for (const warning of warnings) log.warn({ link: name }, warning);
      } else {
        const owner = registry
          .networks()
          .find(({ options, vlanLink }) => options.bridge === name || vlanLink === name);
        if (owner === undefined) continue;
        await this.#protect(owner);
      }
      log.info({ link: name, seen: 'its filter was taken off' }, 'protection put back');
    }
  }

  async #protect({ id, options, vlanLink }: NetworkRecord): Promise<void> {
    const { host, log } = this.#deps;
    try {
      const warnings = await host.protectNetwork({ bridge: options.bridge, vlanLink });
      for (const warning of warnings) log.warn({ network: id.slice(0, 12) }, warning);
    } catch (err) {
      log.error({ network: id.slice(0, 12), err }, 'links of a network not protected');
    }
  }
}

function rulesNow(network: NetworkRecord, endpoint: EndpointRecord) {
  return endpoint.sandboxKey === undefined && endpoint.hasLeft !== true
    ? rulesBeforeJoin(network, endpoint)
    : rulesFor(network, endpoint);
}
