/**
 * Leases whose containers are gone (D9). A container that comes back with the same MAC finds its lease here
 * and asks for it in one round trip; one that does not come back within `release=hold=` gives it back.
 *
 * A held lease is a record in the store, so it outlives the plugin and the host; nobody renews it meanwhile,
 * so it also ends by itself. Random MACs never return: their leases are not held.
 */
import type { Clock } from '../clock.ts';
import type { LeaseSubject } from '../leasing/lease-service.ts';
import type { Lease } from '../lease.ts';
import type { Logger } from '../logger.ts';
import type { Ms } from '../time.ts';
import { subjectOf } from './lease-subject.ts';
import type { EndpointRecord, HeldRecord, NetworkRecord } from './records.ts';
import type { Registry } from './registry.ts';
import { elapsedSince, restoreLease, storeMoment } from './stored-lease.ts';

/**
 * What a crash or a reboot left is held at least this long: dockerd starts the containers of a network one
 * after the other, and needs its time before the first.
 */
const ORPHANS_HELD_FOR: Ms = 600_000;

/** Who comes back: MAC and client-id on one bridge. */
type Identity = Pick<EndpointRecord, 'mac' | 'clientId'>;

export interface HeldLease {
  readonly id: string;
  readonly lease: Lease;
}

export interface HeldLeasesDeps {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Logger;
  readonly leases: {
    resume(subject: LeaseSubject, lease: Lease): void;
    release(key: string, link: string): void;
  };
}

export class HeldLeases {
  readonly #deps: HeldLeasesDeps;
  /** One timer per held lease that nobody is taking over right now. */
  readonly #cancels = new Map<string, () => void>();

  constructor(deps: HeldLeasesDeps) {
    this.#deps = deps;
  }

  /**
   * Keeps the lease of an endpoint that ends.
   * @param isOrphan nobody said that it ends: it was found after a crash or a reboot.
   * @returns false if it is not to be held, or cannot be written down: then it is to be given back now.
   */
  async hold(endpoint: EndpointRecord, { isOrphan = false } = {}): Promise<boolean> {
    const { registry, clock, log } = this.#deps;
    const network = registry.findNetwork(endpoint.networkId);
    const { id, networkId, mac, clientId, hostName, requestedAddress, mtu, lease } = endpoint;
    const isStable = endpoint.isStable ?? endpoint.macGiven;
    if (network === undefined || lease === undefined || !isStable) return false;
    if (network.options.releaseAfterMs === 0) return false;
    if (restoreLease(lease, clock).expiresAt <= clock.now()) return false;
    const identity = { id, networkId, mac, clientId, hostName, requestedAddress, mtu };
    const record = { ...identity, lease, heldAt: storeMoment(clock), isOrphan };
    try {
      for (const older of this.#of(network, record)) await this.drop(older.id);
      await registry.addHeld(record);
    } catch (err) {
      log.error({ ...context(record), err }, 'lease not held; it is given back');
      return false;
    }
    this.#arm(record);
    log.info({ ...context(record), address: lease.address }, 'lease held');
    return true;
  }

  /** The valid lease of this identity, which stays held until `drop`; its time stands still until `putBack`. */
  claim(network: NetworkRecord, identity: Identity): HeldLease | undefined {
    const { clock } = this.#deps;
    const record = this.#of(network, identity)[0];
    if (record === undefined || !this.#cancels.has(record.id)) return undefined;
    const lease = restoreLease(record.lease, clock);
    if (lease.expiresAt <= clock.now()) return undefined;
    this.#disarm(record.id);
    return { id: record.id, lease };
  }

  /** The taking over failed. */
  putBack(id: string): void {
    const record = this.#find(id);
    if (record !== undefined) this.#arm(record);
  }

  /** It is another's lease now. */
  async drop(id: string): Promise<void> {
    const { registry, log } = this.#deps;
    this.#disarm(id);
    try {
      await registry.removeHeld(id);
    } catch (err) {
      log.error({ endpoint: id.slice(0, 12), err }, 'file of a held lease not removed');
    }
  }

  /** Gives back what is held on a network that is about to go. */
  async endNetwork(networkId: string): Promise<void> {
    for (const record of this.#deps.registry.held()) {
      if (record.networkId === networkId) await this.#end(record);
    }
  }

  /** After a restart: the times run on; what ended meanwhile ends now, what an endpoint has again is forgotten. */
  async recover({ isComplete }: { isComplete: boolean }): Promise<void> {
    const { registry } = this.#deps;
    for (const record of registry.held()) {
      const network = registry.findNetwork(record.networkId);
      if (network === undefined && !isComplete) continue; // its network may be what could not be read
      const isTaken = (e: EndpointRecord): boolean =>
        e.mac === record.mac && bridgeOf(registry, e.networkId) === network?.options.bridge;
      if (network === undefined || registry.endpoints().some(isTaken)) await this.drop(record.id);
      else this.#arm(record);
    }
  }

  /** Stops the timers; the leases stay held in the store. */
  close(): void {
    for (const id of [...this.#cancels.keys()]) this.#disarm(id);
  }

  #find(id: string): HeldRecord | undefined {
    return this.#deps.registry.held().find((record) => record.id === id);
  }

  #of({ options }: NetworkRecord, { mac, clientId }: Identity): HeldRecord[] {
    const { registry } = this.#deps;
    return registry
      .held()
      .filter((held) => held.mac === mac && held.clientId === clientId)
      .filter((held) => bridgeOf(registry, held.networkId) === options.bridge);
  }

  #arm(record: HeldRecord): void {
    const { registry, clock, log } = this.#deps;
    const holdMs = registry.findNetwork(record.networkId)?.options.releaseAfterMs ?? 0;
    const heldFor = Math.max(holdMs, record.isOrphan ? ORPHANS_HELD_FOR : 0);
    const releaseAt = clock.now() + heldFor - elapsedSince(record.heldAt, clock);
    const endAt = Math.min(releaseAt, restoreLease(record.lease, clock).expiresAt);
    this.#disarm(record.id);
    const wait = (): void => void this.#cancels.set(record.id, clock.at(endAt, look));
    const look = (): void => {
      if (clock.now() < endAt) return wait();
      this.#end(record).catch((err: unknown) => {
        log.error({ ...context(record), err }, 'held lease not ended');
      });
    };
    wait();
  }

  #disarm(id: string): void {
    this.#cancels.get(id)?.();
    this.#cancels.delete(id);
  }

  async #end(record: HeldRecord): Promise<void> {
    const { registry, clock, leases, log } = this.#deps;
    const network = registry.findNetwork(record.networkId);
    const lease = restoreLease(record.lease, clock);
    const isValid = lease.expiresAt > clock.now();
    if (isValid && network !== undefined && network.options.releaseAfterMs !== Infinity) {
      // No renewal on the way: it only has to say good-bye.
      const mute = { ...lease, t1At: Infinity, t2At: Infinity };
      leases.resume(subjectOf(record, network), mute);
      leases.release(record.id, network.options.bridge);
      log.info({ ...context(record), address: lease.address }, 'held lease given back');
    } else {
      log.info({ ...context(record), address: lease.address }, 'held lease is over');
    }
    await this.drop(record.id);
  }
}

function bridgeOf(registry: Registry, networkId: string): string | undefined {
  return registry.findNetwork(networkId)?.options.bridge;
}

function context({ id, networkId }: HeldRecord): Record<string, string> {
  return { network: networkId.slice(0, 12), endpoint: id.slice(0, 12) };
}
