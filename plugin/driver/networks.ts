/**
 * Networks: one bridge on one VLAN of one parent link each. Networks on the same segment share its links;
 * the last one takes along what carries our mark.
 */
import type { Clock } from '../clock.ts';
import { PluginError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { BridgeAccess } from './bridge-access.ts';
import type { Host } from './host.ts';
import { KeyedLock } from './keyed-lock.ts';
import { missingParent, refuseDockersPool, refuseFamilies } from './network-command.ts';
import { parseNetworkOptions, type NetworkOptions } from './options.ts';
import type { CreateNetworkRequest } from './network-requests.ts';
import { findPoolFor, usesOurPool } from './pool-binding.ts';
import { boundsOf, type PoolRecord } from './pool-records.ts';
import { segmentOf, type NetworkRecord } from './records.ts';
import type { Registry } from './registry.ts';
import { runEach, UndoList } from '../undo.ts';

/** Links are shared between networks, so all changes to them take turns. */
const LINKS = 'links';

export class Networks {
  readonly #registry: Registry;
  readonly #host: Host;
  readonly #access: BridgeAccess;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #lock = new KeyedLock();

  constructor(deps: {
    registry: Registry;
    host: Host;
    access: BridgeAccess;
    clock: Clock;
    log: Logger;
  }) {
    this.#registry = deps.registry;
    this.#host = deps.host;
    this.#access = deps.access;
    this.#clock = deps.clock;
    this.#log = deps.log;
  }

  /**
   * Idempotent for the same id and options.
   * @param signal dockerd waits no longer: it will not use the network, nor ever delete it.
   * @throws PluginError; then nothing is left behind.
   */
  create(request: CreateNetworkRequest, signal: AbortSignal): Promise<void> {
    return this.#lock.run(LINKS, async () => {
      const { options, pool } = this.#addressing(request);
      const known = this.#registry.findNetwork(request.networkId);
      if (known !== undefined) {
        refuseDifference(known, options, request.internal);
        if (pool !== undefined) await this.#bind(pool, known);
        return;
      }
      this.#refuseClash(options);
      const record = {
        id: request.networkId,
        options,
        internal: request.internal,
        ...(pool === undefined ? {} : { bounds: boundsOf(pool) }),
        ...(await this.#makeLinks(options)),
      };
      const undo = new UndoList();
      undo.add(() => this.#dropLinks(record));
      undo.add(() => this.#registry.removeNetwork(record.id)); // it may be on disk all the same
      try {
        await this.#registry.addNetwork(record);
        if (pool !== undefined) {
          undo.add(() => this.#unbind(pool));
          await this.#bind(pool, record);
        }
        if (signal.aborted) throw new PluginError('CANCELLED', 'dockerd waits no longer');
      } catch (error) {
        throw await undo.run(error);
      }
      this.#log.info({ ...context(record), link: options.bridge }, 'network created');
    });
  }

  /** Unknown ids are no error. @throws if a link or the record could not be removed; the rest is gone. */
  remove(networkId: string): Promise<void> {
    return this.#lock.run(LINKS, async () => {
      const record = this.#registry.findNetwork(networkId);
      if (record === undefined) return;
      // Docker released them before, if it came to that.
      const pools = this.#registry.pools().filter((pool) => pool.networkId === networkId);
      await runEach(
        () => this.#registry.removeNetwork(networkId),
        ...pools.map((pool) => () => this.#registry.removePool(pool.id)),
        () => this.#dropLinks(record),
      );
      this.#log.info({ ...context(record), link: record.options.bridge }, 'network removed');
    });
  }

  /**
   * Makes links that are gone: after a reboot, or when someone removed them; sees to the firewall if that
   * could not be done before. Cheap if all is there.
   * @throws PluginError if they cannot be made, or NETWORK_UNKNOWN if it is removed meanwhile.
   */
  async restore(record: NetworkRecord): Promise<NetworkRecord> {
    const { bridge } = record.options;
    const { vlanLink } = record;
    const isThere = [bridge, vlanLink].every(
      (link) => link === undefined || this.#host.linkExists(link),
    );
    if (isThere) {
      await this.#access.ensureGranted(bridge);
      return record;
    }
    return this.#lock.run(LINKS, async () => {
      this.#registry.requireNetwork(record.id); // it may have gone while we waited
      const restored = { ...record, ...(await this.#makeLinks(record.options)) };
      await this.#registry.addNetwork(restored);
      this.#log.info({ ...context(record), link: bridge }, 'network links made again');
      return restored;
    });
  }

  async #bind({ id }: PoolRecord, { id: networkId, options }: NetworkRecord): Promise<void> {
    const pool = this.#registry.findPool(id);
    if (pool === undefined) return; // Docker gave it up meanwhile
    await this.#registry.addPool({ ...pool, options, networkId });
  }

  async #unbind({ id, options, networkId }: PoolRecord): Promise<void> {
    const pool = this.#registry.findPool(id);
    if (pool !== undefined) await this.#registry.addPool({ ...pool, options, networkId });
  }

  /** @throws PluginError if the network's addresses are to come from elsewhere than the wire. */
  #addressing(request: CreateNetworkRequest): { options: NetworkOptions; pool?: PoolRecord } {
    refuseFamilies(request);
    if (usesOurPool(request)) {
      return findPoolFor(request, { registry: this.#registry, clock: this.#clock });
    }
    const options = parseNetworkOptions(request.options, '-o ', missingParent(request, '-o '));
    refuseDockersPool(request);
    return { options };
  }

  async #makeLinks(
    options: NetworkOptions,
  ): Promise<Pick<NetworkRecord, 'vlanLink' | 'mtu' | 'uplinkPort'>> {
    const { bridge } = options;
    const { vlanLink, mtu, created, warnings } = await this.#host.ensureNetworkLinks(options);
    this.#warn(bridge, warnings);
    await this.#access.grant(bridge);
    const uplinkPort = created.uplinkPort || this.#sharers(bridge).some((n) => n.uplinkPort);
    return { vlanLink, mtu, uplinkPort };
  }

  async #dropLinks({ options, vlanLink, uplinkPort }: NetworkRecord): Promise<void> {
    const { parent, vlan, bridge } = options;
    if (this.#sharers(bridge).length > 0) return;
    const links = { parent, vlan, vlanLink, bridge, uplinkPort };
    await runEach(
      () => this.#access.revoke(bridge),
      async () => this.#warn(bridge, await this.#host.removeNetworkLinks(links)),
    );
  }

  #sharers(bridge: string): readonly NetworkRecord[] {
    return this.#registry.networks().filter(({ options }) => options.bridge === bridge);
  }

  #warn(link: string, warnings: readonly string[]): void {
    for (const warning of warnings) this.#log.warn({ link }, warning);
  }

  #refuseClash(options: NetworkOptions): void {
    const { bridge } = options;
    const segment = segmentOf(options);
    for (const { id, options: other } of this.#registry.networks()) {
      const isSameSegment = other.parent === options.parent && other.vlan === options.vlan;
      if (isSameSegment && other.bridge !== bridge) {
        throw new PluginError(
          'LINK_CONFLICT',
          `${segment} is already on bridge ${other.bridge} for network ${id.slice(0, 12)}; use -o bridge=${other.bridge}`,
        );
      }
      if (!isSameSegment && other.bridge === bridge) {
        throw new PluginError(
          'LINK_CONFLICT',
          `bridge ${bridge} already serves ${segmentOf(other)} for network ${id.slice(0, 12)}; choose another -o bridge= for ${segment}`,
        );
      }
    }
  }
}

function refuseDifference(known: NetworkRecord, options: NetworkOptions, internal: boolean): void {
  const isSame = JSON.stringify(known.options) === JSON.stringify(options);
  if (isSame && known.internal === internal) return;
  throw new PluginError(
    'INVALID_REQUEST',
    `network ${known.id.slice(0, 12)} exists with other options (${segmentOf(known.options)}, bridge ${known.options.bridge})`,
  );
}

function context({ id, options }: NetworkRecord): Record<string, string> {
  return { network: id.slice(0, 12), segment: segmentOf(options) };
}
