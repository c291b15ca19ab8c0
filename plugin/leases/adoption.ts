/**
 * Finds the leased address of a new endpoint. libnetwork repeats the address, and the MAC for which
 * it was leased.
 */
import { PluginError } from '../vocabulary/errors.ts';
import { parseMac } from '../wire/address.ts';
import { parseCidr6 } from '../wire/address6.ts';
import { parseCidr } from '../wire/subnet.ts';
import type { JoinTimers } from './join-timers.ts';
import type { KeyedLock } from '../keyed-lock.ts';
import { isForeign } from '../state/pool-records.ts';
import { segmentOf, type NetworkRecord } from '../state/records.ts';
import type { Registry } from '../state/registry.ts';
import type { AddressRecord } from '../state/lease-records.ts';

interface AdoptionDeps {
  readonly registry: Registry;
  readonly lock: KeyedLock;
  readonly timers: JoinTimers;
}

/** What libnetwork repeats of the addresses that our IPAM told it. */
export interface GivenInterface {
  readonly address: string;
  readonly addressIpv6: string;
  readonly macAddress: string;
}

/**
 * Gives the address to a new endpoint. Nothing else can change the address meanwhile. Afterwards it
 * belongs to the endpoint, or is what it was.
 * @param work makes the endpoint.
 * @throws PluginError INVALID_OPTION if it was not leased for that network and MAC, ADDRESS_IN_USE.
 */
export function adopt<Result>(
  { registry, lock, timers }: AdoptionDeps,
  network: NetworkRecord,
  given: GivenInterface,
  work: (record: AddressRecord) => Promise<Result>,
): Promise<Result> {
  const { id } = adoptable(registry, network, given);
  return lock.run(id, async () => {
    const record = adoptable(registry, network, given);
    timers.disarm(id);
    try {
      return await work(record);
    } finally {
      if (registry.findAddress(id) !== undefined) timers.arm(id); // `work` failed
    }
  });
}

/** The error if the address was lost before its container is there. */
export function lostBefore({ address, lost }: AddressRecord): PluginError {
  return new PluginError(
    'ADDRESS_IN_USE',
    `the lease of ${address} was lost (${lost?.cause ?? 'just now'}) before the container started; start it again`,
  );
}

/** @throws PluginError, like `adopt`. */
function adoptable(
  registry: Registry,
  { options }: NetworkRecord,
  given: GivenInterface,
): AddressRecord {
  const address = parseCidr(given.address)?.address;
  const record = registry
    .addresses()
    .filter((known) => known.address === address && !isForeign(known))
    // If two networks are made on one segment at the same moment, they may use each other's pool.
    // This makes no difference.
    .find(({ scopeId }) => registry.findScope(scopeId)?.segment === segmentOf(options));
  if (record === undefined) {
    throw new PluginError(
      'INVALID_OPTION',
      `address ${given.address} was not leased for this network; start the container again`,
    );
  }
  if (record.lease?.address !== record.address) throw lostBefore(record);
  const six = parseCidr6(given.addressIpv6)?.address;
  if (six !== record.ipv6?.answered?.address) {
    throw new PluginError(
      'INVALID_OPTION',
      `address ${given.addressIpv6} was not given for ${record.address} of this network; start the container again`,
    );
  }
  if (given.macAddress === '' || parseMac(given.macAddress) === record.mac) return record;
  throw new PluginError(
    'INVALID_OPTION',
    `--mac-address ${given.macAddress} came after ${record.address} was leased for MAC ${record.mac}: set IPAM_REQUIRE_MAC=true for the plugin, or leave out --mac-address`,
  );
}
