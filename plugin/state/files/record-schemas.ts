/**
 * What a record in our state has to be, kind by kind, in two forms. `complete`: all of it fits. `readable`: enough of it
 * fits to go on with the rest, and what does not fit is as if it had never been known.
 *
 * Never guessed: the MAC and the client-id that a lease was made under, the segment, which servers count, and what keeps
 * a container from the router (`--internal`) or an address from a container.
 */
import * as v from 'valibot';
import type { WallTime } from '../../vocabulary/time.ts';
import { firstHostOf } from '../../wire/subnet.ts';
import { linkEnds, macClientId } from '../../options/endpoint-identity.ts';
import type { AddressRecord, PoolRecord } from '../pool-records.ts';
import { termsOf, type EndpointRecord, type HeldRecord, type NetworkRecord } from '../records.ts';
import type { Records } from '../registry.ts';
import * as is from './value-schemas.ts';

const { absentOr, flag, id, ipv4, lease, mac, mtu, text, wallTime } = is;

const lost = v.looseObject({
  at: wallTime,
  cause: v.picklist(['expired', 'nak', 'declined', 'released', 'no-server', 'damaged-record']),
  isAddressKept: flag,
});

/** One that has no lease says since when and why: a file that lost both is damaged. */
const saysWhy = (record: { lease?: object | undefined; lost?: object | undefined }) =>
  record.lease !== undefined || record.lost !== undefined;
const SAYS_WHY = 'a lease, or since when and why there is none';

/** Why a record has no lease whose file told us nothing: the address stays where it is until a server grants one. */
function lostWith(at: WallTime) {
  return { at, cause: 'damaged-record', isAddressKept: true } as const;
}

const network = {
  id,
  options: is.networkOptions,
  internal: v.optional(flag, false),
  bounds: v.optional(is.bounds),
  vlanLink: absentOr(is.linkName),
  uplinkPort: v.optional(flag, false),
  theirs: v.optional(v.array(v.picklist(['bridge', 'vlan-link']))),
  mtu,
};

const endpoint = {
  id,
  networkId: id,
  hostEnd: is.newLinkName,
  containerEnd: is.newLinkName,
  mac,
  macGiven: v.optional(flag, false),
  addressGiven: v.optional(flag),
  isStable: v.optional(flag),
  guard: v.optional(is.guard),
  clientId: is.clientId,
  hostName: absentOr(is.hostName),
  requestedAddress: absentOr(ipv4),
  mtu,
  lease: absentOr(lease),
  lost: absentOr(lost),
  terms: v.optional(
    v.looseObject({ answered: absentOr(is.terms), configured: absentOr(is.terms) }),
  ),
  createdAt: v.optional(wallTime, 0),
  sandboxKey: absentOr(text),
  joinedAt: v.optional(wallTime),
  hasLeft: v.optional(flag),
};

const holder = {
  id,
  scopeId: id,
  mac,
  clientId: is.clientId,
  isMacShared: v.optional(flag),
  hostName: absentOr(is.hostName),
  requestedAddress: absentOr(ipv4),
  mtu,
};

const pool = {
  id,
  subnet: is.subnet,
  range: absentOr(is.subnet),
  gateway: v.looseObject({
    address: ipv4,
    from: v.picklist(['user', 'server', 'guess', 'unknown']),
  }),
  reserved: is.addresses,
  given: is.textMap,
  options: absentOr(is.networkOptions),
  networkId: absentOr(id),
  link: absentOr(is.linkName),
  requestedAt: v.optional(wallTime, 0),
};

const address = {
  ...holder,
  poolId: id,
  address: ipv4,
  isStable: flag,
  lease: absentOr(lease),
  lost: absentOr(lost),
  createdAt: is.moment,
  wasSeen: flag,
};

/** Names that say another endpoint's link would take it from that one's container. */
const hasItsOwnLink = (record: { id: string; hostEnd: string; containerEnd: string }) => {
  const { hostEnd, containerEnd } = linkEnds(record.id);
  return record.hostEnd === hostEnd && record.containerEnd === containerEnd;
};
const OWN_LINK = 'hostEnd and containerEnd that are made of its id';

/** Before a lease could be absent every endpoint had one, and its link was configured with it. */
function withTerms(record: v.InferOutput<v.LooseObjectSchema<typeof endpoint, undefined>>) {
  const known = record.lease && termsOf(record.lease);
  const { terms = { answered: known, configured: known } } = record;
  return { ...record, terms };
}

/** Held leases of versions without pools name their network. */
function withScope(record: unknown): unknown {
  const isOld = typeof record === 'object' && record !== null && !('scopeId' in record);
  if (!isOld || !('networkId' in record)) return record;
  const { networkId, ...rest } = record;
  return { ...rest, scopeId: networkId };
}

export const complete: {
  readonly [K in keyof Records]: v.GenericSchema<unknown, Records[K]>;
} = {
  networks: v.looseObject(network) satisfies v.GenericSchema<unknown, NetworkRecord>,
  endpoints: v.pipe(
    v.looseObject(endpoint),
    v.check((record) => saysWhy(record), SAYS_WHY),
    v.check((record) => hasItsOwnLink(record), OWN_LINK),
    v.transform(withTerms),
  ) satisfies v.GenericSchema<unknown, EndpointRecord>,
  held: v.pipe(
    v.unknown(),
    v.transform(withScope),
    v.looseObject({ ...holder, lease, heldAt: is.moment, isOrphan: v.optional(flag, false) }),
  ) satisfies v.GenericSchema<unknown, HeldRecord>,
  pools: v.looseObject(pool) satisfies v.GenericSchema<unknown, PoolRecord>,
  addresses: v.pipe(
    v.looseObject(address),
    v.check((record) => saysWhy(record), SAYS_WHY),
  ) satisfies v.GenericSchema<unknown, AddressRecord>,
};

/**
 * @param file.id stands in for an id that cannot be read.
 * @param file.writtenAt when the file was written: stands in for the times that cannot be read.
 */
export function readable(file: { readonly id: string; readonly writtenAt: WallTime }): {
  readonly [K in keyof Records]?: v.GenericSchema<unknown, Records[K]>;
} {
  const { writtenAt } = file;
  // One that can be read, and is another, makes the file useless before it comes here (`read-record.ts`).
  const fileId = v.fallback(v.literal(file.id), file.id);
  const ends = linkEnds(file.id);
  return {
    networks: v.looseObject({
      ...network,
      id: fileId,
      options: is.readableOptions,
      vlanLink: v.fallback(network.vlanLink, undefined),
      uplinkPort: v.fallback(network.uplinkPort, false),
      theirs: v.fallback(network.theirs, undefined),
      mtu: v.fallback(mtu, 1500),
    }),
    endpoints: v.pipe(
      v.looseObject({
        ...endpoint,
        id: fileId,
        hostEnd: v.fallback(v.literal(ends.hostEnd), ends.hostEnd),
        containerEnd: v.fallback(v.literal(ends.containerEnd), ends.containerEnd),
        macGiven: v.fallback(endpoint.macGiven, false),
        isStable: v.fallback(endpoint.isStable, undefined),
        guard: v.fallback(endpoint.guard, undefined),
        clientId: v.fallback(v.optional(endpoint.clientId), undefined),
        hostName: v.fallback(endpoint.hostName, undefined),
        requestedAddress: v.fallback(endpoint.requestedAddress, undefined),
        mtu: v.fallback(mtu, 1500),
        lease: v.fallback(endpoint.lease, undefined),
        lost: v.fallback(endpoint.lost, undefined),
        terms: v.fallback(endpoint.terms, undefined),
        createdAt: v.fallback(endpoint.createdAt, writtenAt),
        sandboxKey: v.fallback(endpoint.sandboxKey, undefined),
        joinedAt: v.fallback(endpoint.joinedAt, undefined),
        hasLeft: v.fallback(endpoint.hasLeft, undefined),
      }),
      // Where our IPAM leased, the client-id may be made of a name.
      v.check(
        (record) => record.clientId !== undefined || record.addressGiven !== true,
        'a client-id',
      ),
      v.transform((record) => ({
        ...withTerms({ ...record, clientId: record.clientId ?? macClientId(record.mac) }),
        lost: saysWhy(record) ? record.lost : lostWith(writtenAt),
      })),
    ),
    pools: v.pipe(
      v.looseObject({
        ...pool,
        id: fileId,
        gateway: v.fallback(v.optional(pool.gateway), undefined),
        given: v.fallback(pool.given, {}),
        link: v.fallback(pool.link, undefined),
        requestedAt: v.fallback(pool.requestedAt, writtenAt),
      }),
      v.transform((record) => ({
        ...record,
        gateway: record.gateway ?? {
          address: firstHostOf(record.subnet),
          from: 'unknown' as const,
        },
      })),
    ),
    addresses: v.pipe(
      v.looseObject({
        ...address,
        id: fileId,
        isMacShared: v.fallback(address.isMacShared, undefined),
        hostName: v.fallback(address.hostName, undefined),
        requestedAddress: v.fallback(address.requestedAddress, undefined),
        mtu: v.fallback(mtu, 1500),
        isStable: v.fallback(flag, false),
        lease: v.fallback(address.lease, undefined),
        lost: v.fallback(address.lost, undefined),
        createdAt: v.fallback(is.moment, { wall: writtenAt, boot: undefined }),
        wasSeen: v.fallback(flag, false),
      }),
      v.transform((record) => ({
        ...record,
        lost: saysWhy(record) ? record.lost : lostWith(writtenAt),
      })),
    ),
  };
}
