/**
 * Networks: each is on one VLAN of one parent link. Networks on the same segment share its links.
 * The last one removes the links that have our mark.
 */
import type { Clock } from '../clock.ts';
import type { Emit } from '../events/events.ts';
import { PluginError } from '../vocabulary/errors.ts';
import type { Logger } from '../logger.ts';
import type { BridgeAccess } from './bridge-access.ts';
import type { Host } from '../host.ts';
import { KeyedLock } from '../keyed-lock.ts';
import { refuseClash, refuseDifference, refuseToMakeTheirs } from './network-clash.ts';
import { missingParent, refuseDockersPool, withFamilies } from '../options/network-command.ts';
import { parseNetworkOptions, type NetworkOptions } from '../options/options.ts';
import type { CreateNetworkRequest } from '../options/network-requests.ts';
import { findPoolFor, usesOurPool } from '../pools/pool-binding.ts';
import { attachmentOf, linksOf, speakerOf } from '../state/attachments/attachments.ts';
import { boundsOf, type PoolRecord } from '../state/pool-records.ts';
import { segmentOf, type NetworkRecord } from '../state/records.ts';
import type { Registry } from '../state/registry.ts';
import { runEach, UndoList } from '../undo.ts';
import type { Subnet6 } from '../wire/address6.ts';
import { mtuBehindTags } from '../vocabulary/vlan-tags.ts';
import { NetworkLinks } from './network-links.ts';
import { onVlanBridge, wasTypedAs } from './vlan-bridge.ts';
import { linkNamed, parentNow, withRealParent } from '../state/link-chain.ts';

/** Networks share links, so all changes to links take turns. */
const LINKS = 'links';

export class Networks {
  readonly #registry: Registry;
  readonly #host: Host;
  readonly #access: BridgeAccess;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #emit: Emit | undefined;
  readonly #made: () => void;
  /** Networks whose links are missing, and could not be made again so far. */
  readonly #gone = new Set<string>();
  readonly #links: NetworkLinks;
  readonly #lock = new KeyedLock();

  /** @param deps.made called when a new network exists: its links must be watched. */
  constructor(deps: {
    registry: Registry;
    host: Host;
    access: BridgeAccess;
    clock: Clock;
    log: Logger;
    emit?: Emit | undefined;
    made: () => void;
  }) {
    this.#registry = deps.registry;
    this.#host = deps.host;
    this.#access = deps.access;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#emit = deps.emit;
    this.#made = deps.made;
    this.#links = new NetworkLinks(deps);
  }

  /**
   * Idempotent for the same id and options.
   * @param signal dockerd no longer waits. It will not use the network, and never delete it.
   * @returns true if this call made the network; false if it was there.
   * @throws PluginError; then nothing is left behind.
   */
  create(request: CreateNetworkRequest, signal: AbortSignal): Promise<boolean> {
    return this.#lock.run(LINKS, async () => {
      const {
        options: typed,
        pool,
        subnet6,
      } = this.#addressing({
        ...request,
        options: withRealParent(request.options, this.#host),
      });
      let known = this.#registry.findNetwork(request.networkId);
      const options =
        known !== undefined && wasTypedAs(known.options, typed)
          ? known.options
          : onVlanBridge(typed, await this.#host.readLinks());
      if (known?.isUnfinished === true) {
        await this.#remove(known);
        known = undefined;
      }
      if (known !== undefined) {
        refuseDifference(known, options, request.internal);
        if (pool !== undefined) await this.#bind(pool, known);
        return false;
      }
      refuseClash(this.#registry.networks(), options);
      const { networkId: id, internal } = request;
      const bounds = pool === undefined ? {} : { bounds: boundsOf(pool) };
      const six = subnet6 === undefined ? {} : { subnet6 };
      const links = await this.#links.toBe(options);
      const draft = { id, options, internal, ...bounds, ...six, ...links };
      if (subnet6 !== undefined) refuseWithoutIpv6(this.#host, draft.mtu);
      const undo = new UndoList();
      undo.add(() => this.#registry.removeNetwork(id)); // it may be on disk even if this failed
      let record: NetworkRecord;
      try {
        // Written first: if the process is killed after this, the next start takes everything back.
        await this.#registry.addNetwork({ ...draft, isUnfinished: true });
        record = { ...draft, ...(await this.#links.make(options, options.parent)) };
        undo.add(() => this.#links.drop(record));
        await this.#registry.addNetwork(record);
        if (pool !== undefined) {
          undo.add(() => this.#unbind(pool));
          await this.#bind(pool, record);
        }
        if (signal.aborted) throw new PluginError('CANCELLED', 'dockerd waits no longer');
      } catch (error) {
        throw await undo.run(error);
      }
      const fields = { ...context(record), link: speakerOf(record) };
      this.#log.info({ ...fields, mode: options.mode }, 'network created');
      this.#tell('network.created', record);
      const unguarded = attachmentOf(record).unguarded(record);
      if (unguarded !== undefined && options.guard !== 'off') this.#log.warn(fields, unguarded);
      this.#made();
      return true;
    });
  }

  /** No container starts on the network any more. The next start continues its removal. */
  closing(networkId: string): Promise<void> {
    return this.#lock.run(LINKS, async () => {
      const record = this.#registry.findNetwork(networkId);
      if (record !== undefined) await this.#registry.addNetwork({ ...record, isUnfinished: true });
    });
  }

  /** Unknown ids are no error. @throws if a removal failed. The next start tries again. */
  remove(networkId: string): Promise<void> {
    return this.#lock.run(LINKS, async () => {
      const record = this.#registry.findNetwork(networkId);
      if (record !== undefined) await this.#remove(record);
    });
  }

  /**
   * Makes links that are gone, after a reboot or because someone removed them. Also adds the
   * firewall rule if that failed before. Cheap if nothing is missing. Without its parent a network
   * has only its bridge, and waits for the parent.
   * @throws PluginError if they cannot be made, or NETWORK_UNKNOWN if it is removed meanwhile.
   */
  async restore(record: NetworkRecord): Promise<NetworkRecord> {
    if (linksOf(record).every((link) => this.#host.linkExists(link))) {
      const bridge = attachmentOf(record).firewalledBridge(record);
      if (bridge !== undefined) await this.#access.ensureGranted(bridge);
      return record;
    }
    const restored = await this.mend(record.id);
    this.#log.info({ ...context(record), link: speakerOf(record) }, 'network links made again');
    return restored;
  }

  /**
   * Makes a network's missing links, and repairs the existing ones that are ours.
   * @throws PluginError if they cannot be made, or NETWORK_UNKNOWN.
   */
  mend(networkId: string): Promise<NetworkRecord> {
    return this.#lock.run(LINKS, async () => {
      const record = this.#registry.requireNetwork(networkId); // it may be removed by now
      const { options, vlanLink } = record;
      const links = await this.#host.readLinks();
      const parent = parentNow(links, record);
      refuseToMakeTheirs(links, record);
      const gone = linksOf(record).filter((link) => linkNamed(links, link) === undefined);
      this.#tellGone(record, gone);
      try {
        // The parent's MTU may be smaller now than when the network was made.
        const most = linkNamed(links, parent)?.mtu ?? Infinity;
        const room = mtuBehindTags(options.vlan, most);
        const mtu = options.mtu === undefined ? undefined : Math.min(options.mtu, room);
        const mended = { ...record, ...(await this.#links.make({ ...options, mtu }, parent)) };
        if (JSON.stringify(mended) !== JSON.stringify(record)) {
          await this.#registry.addNetwork(mended);
        }
        this.#tellBack(mended);
        return mended;
      } catch (error) {
        const code = error instanceof PluginError ? error.code : undefined;
        const { bridge } = options;
        if (code !== 'PARENT_LINK_MISSING' && code !== 'PARENT_LINK_UNUSABLE') throw error;
        if (bridge === undefined) throw error; // no link of the network can be without its parent
        this.#warn(bridge, await this.#host.ensureBridge({ ...options, bridge, parent, vlanLink }));
        await this.#access.grant(bridge);
        this.#log.warn({ ...context(record), err: error }, 'network has a bridge only, no uplink');
        return record;
      }
    });
  }

  /** Sets the MTU that new containers get from now on. @throws PluginError STATE_UNWRITABLE. */
  changeMtu(networkId: string, mtu: number): Promise<void> {
    return this.#lock.run(LINKS, async () => {
      const record = this.#registry.findNetwork(networkId);
      if (record !== undefined) await this.#registry.addNetwork({ ...record, mtu });
    });
  }

  /** After a restart: removes networks that are half made or half removed. @throws what failed. */
  async removeUnfinished(): Promise<void> {
    const unfinished = this.#registry.networks().filter((one) => one.isUnfinished === true);
    await runEach(
      ...unfinished.map(
        ({ id }) =>
          () =>
            this.remove(id),
      ),
    );
  }

  async #remove(record: NetworkRecord): Promise<void> {
    // If Docker released them, it did so before.
    const pools = this.#registry.pools().filter((pool) => pool.networkId === record.id);
    // The record goes last. If a step fails or is cut off, the next start does it.
    await runEach(...pools.map((pool) => () => this.#registry.removePool(pool.id)), async () => {
      await this.#links.drop(record);
      await this.#registry.removeNetwork(record.id);
    });
    this.#log.info({ ...context(record), link: speakerOf(record) }, 'network removed');
    this.#gone.delete(record.id);
    this.#tell('network.removed', record);
  }

  async #bind({ id }: PoolRecord, { id: networkId, options }: NetworkRecord): Promise<void> {
    const pool = this.#registry.findPool(id);
    if (pool === undefined) return; // Docker released it meanwhile
    await this.#registry.addPool({ ...pool, options, networkId });
  }

  async #unbind({ id, options, networkId }: PoolRecord): Promise<void> {
    const pool = this.#registry.findPool(id);
    if (pool !== undefined) await this.#registry.addPool({ ...pool, options, networkId });
  }

  /** @throws PluginError if the network's addresses do not come from the DHCP servers. */
  #addressing(asked: CreateNetworkRequest): {
    options: NetworkOptions;
    pool?: PoolRecord;
    subnet6?: Subnet6 | undefined;
  } {
    const request = withFamilies(asked);
    if (usesOurPool(request)) {
      return findPoolFor(request, { registry: this.#registry, clock: this.#clock });
    }
    const options = parseNetworkOptions(request.options, '-o ', missingParent(request, '-o '));
    refuseDockersPool(request);
    return { options };
  }

  /** A network comes and goes with its links. */
  #tell(type: 'network.created' | 'network.removed', record: NetworkRecord): void {
    const { id: network, options } = record;
    const [segment, link] = [segmentOf(options), speakerOf(record)];
    const linkType = type === 'network.created' ? 'link.made' : 'link.removed';
    this.#emit?.({ type: linkType, link, network, segment });
    this.#emit?.({ type, network, segment, mode: options.mode });
  }

  /** Told once, until the links are back. */
  #tellGone({ id: network, options }: NetworkRecord, gone: readonly string[]): void {
    if (this.#gone.has(network) || gone.length === 0) return;
    this.#gone.add(network);
    const segment = segmentOf(options);
    for (const link of gone) this.#emit?.({ type: 'link.gone', link, network, segment });
  }

  #tellBack(record: NetworkRecord): void {
    const { id: network, options } = record;
    if (!this.#gone.delete(network)) return;
    const [segment, link] = [segmentOf(options), speakerOf(record)];
    this.#emit?.({ type: 'link.back', link, network, segment });
  }

  #warn(link: string, warnings: readonly string[]): void {
    for (const warning of warnings) this.#log.warn({ link }, warning);
  }
}

/**
 * Docker cannot add an IPv6 address there, and every start would fail.
 * @throws PluginError UNSUPPORTED.
 */
function refuseWithoutIpv6(host: Pick<Host, 'hasIpv6'>, mtu: number): void {
  if (host.hasIpv6(mtu)) return;
  throw new PluginError(
    'UNSUPPORTED',
    `containers of this network cannot have IPv6: the MTU of their links is ${mtu}, and below 1280 there is none (RFC 8200), or the kernel of this host has no IPv6; leave out --ipv6 and its subnet`,
  );
}

function context({ id, options }: NetworkRecord): Record<string, string> {
  return { network: id.slice(0, 12), segment: segmentOf(options) };
}
