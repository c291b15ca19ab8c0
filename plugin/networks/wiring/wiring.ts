/**
 * Keeps the links of the networks as their records say (D13). The kernel reports every change. A
 * change that matters starts a look at all links, and the faults that `wiring-plan.ts` finds are
 * repaired. Nothing is polled, except while the kernel cannot report changes. A repair that failed
 * is tried again.
 *
 * It runs beside the calls of Docker and never delays one.
 */
import type { Clock } from '../../clock.ts';
import type { Logger } from '../../logger.ts';
import type { Ms } from '../../vocabulary/time.ts';
import type { Host, HostLink } from '../../host.ts';
import { LinksBelow, type LinksBelowTold } from './links-below.ts';
import { LinkProtection, type LinkProtectionDeps } from './link-protection.ts';
import { rulesNow } from '../port-guard.ts';
import { attachmentOf } from '../../state/attachments/attachments.ts';
import type { Registry } from '../../state/registry.ts';
import { RepairHistory } from './repair-history.ts';
import { WatchedLinks, wiredNetworks } from './watched-links.ts';
import { planWiring, type Repair } from './wiring-plan.ts';

/** Many changes come together, for example when a bridge is removed with all its ports. */
const GATHERED_FOR: Ms = 20;
/** A repair may show other faults: names first, then links, then ports. */
const ROUNDS_AT_MOST = 4;
/** The next look after a failure that sets no time for a new try. */
const LOOKED_AGAIN_AFTER: Ms = 5_000;

export interface WiringDeps extends LinksBelowTold {
  readonly registry: Registry;
  readonly host: Host;
  readonly clock: Clock;
  readonly log: Logger;
  readonly ports: LinkProtectionDeps['ports'];
  readonly networks: {
    /**
     * Makes its missing links. If the parent is missing, makes only the bridge. @throws PluginError
     */
    mend(networkId: string): Promise<unknown>;
    changeMtu(networkId: string, mtu: number): Promise<void>;
  };
  /** Tells the endpoints of a network that its MTU has changed. */
  readonly mtuChanged: (networkId: string) => void;
}

export class Wiring {
  readonly #deps: WiringDeps;
  #events: { close(): void } | undefined;
  #cancelLook: () => void = () => undefined;
  #cancelRetry: () => void = () => undefined;
  #isDue = false;
  /** Somebody asked for a look since the last one began. */
  #isAsked = false;
  /** Links that changed since the last look began, and are not gone. By index. */
  readonly #changed = new Set<number>();
  #run: Promise<void> | undefined;
  #isClosed = false;
  /**
   * At a start: the networks' links. An older version may have made them without protection, or
   * something may have removed it while the plugin was stopped.
   */
  #toProtect: 'what-is-lost' | 'networks' | 'all' = 'networks';
  #isDeafTold = false;
  readonly #protection: LinkProtection;
  readonly #watched: WatchedLinks;
  readonly #history: RepairHistory;
  readonly #below: LinksBelow;
  /** Faults that were logged and are not over. Bounded by the links of the networks. */
  #told: ReadonlySet<string> = new Set();

  constructor(deps: WiringDeps) {
    this.#deps = deps;
    this.#protection = new LinkProtection(deps);
    this.#watched = new WatchedLinks(deps.registry);
    this.#history = new RepairHistory(deps.clock);
    this.#below = new LinksBelow(deps);
  }

  /** Listens from now on, and repairs what is wrong now. Never throws. */
  async start(): Promise<void> {
    await this.settled(true);
  }

  close(): void {
    this.#isClosed = true;
    this.#events?.close();
    this.#cancelLook();
    this.#cancelRetry();
  }

  /**
   * Resolves when all changes reported so far are repaired. @param anew looks also if no change was
   * reported.
   */
  async settled(anew = false): Promise<void> {
    let isLookAsked = anew;
    while (isLookAsked || this.#isDue || this.#run !== undefined) {
      if (this.#run === undefined) {
        isLookAsked = false;
        await this.#look();
      } else {
        await this.#run;
      }
    }
  }

  /** Looks soon, as if the kernel had reported a change. */
  soon(): void {
    this.#isAsked = true;
    this.#gather();
  }

  /** The kernel takes a link down and its filter off, and then removes it. */
  #gone(link: HostLink): void {
    this.#protection.gone(link.index);
    this.#changed.delete(link.index);
    if (this.#watched.gone(link)) this.soon();
  }

  #gather(): void {
    if (this.#isDue || this.#isClosed) return;
    this.#isDue = true;
    const { clock } = this.#deps;
    this.#cancelLook = clock.at(clock.now() + GATHERED_FOR, () => {
      if (this.#run !== undefined) return;
      const isAnyChanged = this.#isAsked || this.#changed.size > 0;
      if (isAnyChanged || this.#protection.hasLost) void this.#look();
      else this.#isDue = false; // only ports went, with their containers
    });
  }

  #look(): Promise<void> {
    const { log } = this.#deps;
    this.#cancelLook();
    this.#cancelRetry();
    this.#isDue = false;
    this.#isAsked = false;
    this.#changed.clear();
    this.#run = this.#mendAll()
      .catch((err: unknown) => {
        log.error({ err }, 'links of networks could not be read');
        this.#again(LOOKED_AGAIN_AFTER);
      })
      .finally(() => {
        this.#run = undefined;
        if (!this.#isDue) return;
        this.#isDue = false;
        this.soon();
      });
    return this.#run;
  }

  #again(after: Ms): void {
    if (this.#isClosed) return;
    const { clock } = this.#deps;
    this.#cancelRetry();
    this.#cancelRetry = clock.at(clock.now() + after, () => this.soon());
  }

  #listen(): void {
    const { host, log } = this.#deps;
    if (this.#events !== undefined || this.#isClosed) return;
    try {
      this.#events = host.watchLinks({
        onLink: (link, isGone) => {
          if (isGone) this.#gone(link);
          else if (this.#watched.matters(link)) {
            if (this.#watched.hasNewMac(link)) this.#protection.lost(link.index);
            this.#changed.add(link.index);
            this.#gather();
          }
        },
        onPort: (index) => {
          if (this.#watched.isVlanMember(index)) this.soon();
        },
        onFilterGone: (index) => {
          if (!this.#watched.has(index)) return;
          this.#protection.lost(index);
          this.#gather();
        },
        onLost: () => {
          this.#toProtect = 'all';
          this.soon();
        },
      });
      this.#isDeafTold = false;
    } catch (err) {
      const words = `the kernel does not report changes of links; until it does, all links are read every ${LOOKED_AGAIN_AFTER / 1000} s`;
      if (!this.#isDeafTold) log.error({ err }, words);
      this.#isDeafTold = true;
    }
  }

  async #mendAll(): Promise<void> {
    const { host, clock } = this.#deps;
    this.#listen(); // before the first look, so that no change is missed
    const putOff = new Set<string>();
    for (let round = 0; round < ROUNDS_AT_MOST && !this.#isClosed; round += 1) {
      const networks = wiredNetworks(this.#deps);
      const links = await host.readLinks();
      const { repairs, troubles } = planWiring(links, networks);
      this.#watched.remember(links, networks);
      const due = new Map<string, Repair>();
      for (const repair of repairs) {
        const key = `${repair.type} ${repair.link}`;
        if (this.#history.isDue(key))
          due.set(key, repair); // networks on one segment share their links
        else putOff.add(key);
      }
      let isFailed = false;
      for (const [key, repair] of due) {
        if (await this.#try(key, repair)) continue;
        isFailed = true;
        putOff.add(key);
      }
      // Only what is left is logged. A look often finds faults that are repaired a moment later.
      if (due.size > 0 && !isFailed && round < ROUNDS_AT_MOST - 1) continue;
      this.#tell(troubles);
      await this.#below.look(links, networks);
      break;
    }
    const isProtected = await this.#protect();
    const at = this.#history.firstDue(putOff);
    if (at !== undefined) this.#again(Math.max(0, at - clock.now()));
    else if (!isProtected || this.#events === undefined) this.#again(LOOKED_AGAIN_AFTER);
  }

  async #protect(): Promise<boolean> {
    const toProtect = this.#toProtect;
    if (toProtect === 'what-is-lost') return this.#protection.putBack();
    this.#toProtect = 'what-is-lost';
    const isDone = await this.#protection.putBackAll({ ports: toProtect === 'all' });
    if (!isDone) this.#toProtect = toProtect;
    return isDone;
  }

  /** @returns false if it failed. The first failure is logged. */
  async #try(key: string, repair: Repair): Promise<boolean> {
    const { log } = this.#deps;
    const { link, seen } = repair;
    const fields = { network: repair.networkId.slice(0, 12), link, seen };
    try {
      await this.#mend(repair);
    } catch (err) {
      const isFirst = this.#history.failed(key);
      log[isFirst ? 'error' : 'debug']({ ...fields, err }, 'wiring not mended; it is tried again');
      return false;
    }
    log.info(fields, 'wiring mended');
    if (this.#history.made(key)) {
      log.warn(
        { network: fields.network, link },
        'somebody undoes what is mended on this link; it is tried again every 30 s',
      );
    }
    return true;
  }

  async #mend(repair: Repair): Promise<void> {
    const { host, networks, ports, registry, mtuChanged, log } = this.#deps;
    switch (repair.type) {
      case 'rename':
        return host.renameLink(repair.index, repair.link);
      case 'links':
        return void (await networks.mend(repair.networkId));
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
        const connection = attachmentOf(network).connection(network, rulesNow(network, endpoint));
        if (connection.kind !== 'veth' || hostEnd === undefined) return;
        const warnings = await host.attachPort({ ...connection, hostEnd });
        for (const warning of warnings) log.warn({ link: hostEnd }, warning);
        if (warnings.length > 0) await ports.guard(endpoint.id); // it repeats until it succeeds
      }
    }
  }

  #tell(troubles: ReadonlyMap<string, readonly string[]>): void {
    const now = new Set<string>();
    for (const [networkId, sentences] of troubles) {
      for (const seen of sentences) {
        const key = `${networkId} ${seen}`;
        now.add(key);
        if (this.#told.has(key)) continue;
        const fields = { network: networkId.slice(0, 12), seen };
        this.#deps.log.warn(fields, 'network cut off on this host');
      }
    }
    this.#told = now;
  }
}
