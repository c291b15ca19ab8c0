/** Which leased address a new endpoint of ours is given: libnetwork repeats it, and the MAC it was leased for. */
import { PluginError } from '../vocabulary/errors.ts';
import type { Logger } from '../logger.ts';
import { parseMac } from '../wire/address.ts';
import { parseCidr } from '../wire/subnet.ts';
import type { JoinTimers } from './join-timers.ts';
import type { KeyedLock } from '../keyed-lock.ts';
import type { LeaseScope } from '../state/lease-scope.ts';
import { addressContext, isForeign, type AddressRecord } from '../state/pool-records.ts';
import { segmentOf, type NetworkRecord } from '../state/records.ts';
import type { Registry } from '../state/registry.ts';

export interface Adoption {
  readonly record: AddressRecord;
  /** When the endpoint's link is there: what became of the lease meanwhile. @throws PluginError as `adoption`. */
  readonly take: () => AddressRecord;
  /** When the endpoint is stored. */
  readonly settle: () => Promise<void>;
  /** It failed after `take`. */
  readonly putBack: () => void;
}

export interface AdoptionDeps {
  readonly registry: Registry;
  readonly log: Logger;
  readonly lock: KeyedLock;
  readonly timers: JoinTimers;
}

/** @throws PluginError INVALID_OPTION if it is none that was leased for that network and MAC, ADDRESS_IN_USE. */
export function adoption(
  { registry, log, lock, timers }: AdoptionDeps,
  network: NetworkRecord,
  given: { address: string; macAddress: string },
): Adoption {
  const record = adoptable(registry, network, given);
  return {
    record,
    take: () => {
      const taken = adoptable(registry, network, given);
      timers.disarm(taken.id);
      return taken;
    },
    settle: () =>
      lock.run(record.id, async () => {
        try {
          await registry.removeAddress(record.id);
        } catch (err) {
          log.error({ ...addressContext(record), err }, 'file of an address not removed');
        }
      }),
    putBack: () => timers.arm(record.id),
  };
}

/** @throws PluginError as `adoption`. */
function adoptable(
  registry: Registry,
  { options }: NetworkRecord,
  given: { readonly address: string; readonly macAddress: string },
): AddressRecord {
  const address = parseCidr(given.address)?.address;
  const record = registry
    .addresses()
    .filter((known) => known.address === address && !isForeign(known))
    // Two networks made on one segment at one moment may have each other's pool, and it makes no difference.
    .find(({ scopeId }) => registry.findScope(scopeId)?.segment === segmentOf(options));
  if (record === undefined) {
    throw new PluginError(
      'INVALID_OPTION',
      `address ${given.address} was not leased for this network; start the container again`,
    );
  }
  if (record.lease?.address !== record.address) {
    throw new PluginError(
      'ADDRESS_IN_USE',
      `the lease of ${record.address} was lost (${record.lost?.cause ?? 'unknown'}) before the container started; start it again`,
    );
  }
  if (given.macAddress === '' || parseMac(given.macAddress) === record.mac) return record;
  throw new PluginError(
    'INVALID_OPTION',
    `--mac-address ${given.macAddress} came after ${record.address} was leased for MAC ${record.mac}: set IPAM_REQUIRE_MAC=true for the plugin, or leave out --mac-address`,
  );
}

/** An endpoint has the lease already: a crash came before the address was forgotten. */
export function isAdopted(
  registry: Registry,
  { clientId }: AddressRecord,
  { segment }: LeaseScope,
): boolean {
  return registry
    .endpoints()
    .filter((endpoint) => endpoint.clientId === clientId)
    .some(({ networkId }) => registry.findScope(networkId)?.segment === segment);
}
