/**
 * The schemas of records in our state, in two forms. `complete`: all values are right. `readable`:
 * enough values are right to go on. The others count as unknown.
 *
 * These values are never guessed: the holder of a lease, the MAC and the client-id of a lease, the
 * segment, the servers that count, `--internal`, and the reserved addresses.
 */
import * as v from 'valibot';
import type { WallTime } from '../../vocabulary/time.ts';
import { firstHostOf } from '../../wire/subnet.ts';
import { linkEnds, macClientId } from '../../options/endpoint-identity.ts';
import type { LeaseRecord } from '../lease-records.ts';
import { isLeased } from '../stored-ipv6.ts';
import type { PoolRecord } from '../pool-records.ts';
import type { NetworkRecord } from '../records.ts';
import type { Records } from '../stored-records.ts';
import {
  address,
  endpoint,
  hasItsOwnLink,
  host,
  isHostLease,
  isLinkOf,
  nobody,
  OWN_LINK,
} from './holder-schemas.ts';
import { ipv6, subnet6 } from './ipv6-schemas.ts';
import * as is from './value-schemas.ts';

const { absentOr, flag, id, ipv4, lease, mac, mtu, wallTime } = is;

const lost = v.looseObject({
  at: wallTime,
  cause: v.picklist(['expired', 'nak', 'declined', 'released', 'no-server', 'damaged-record']),
  isAddressKept: flag,
  linkLocal: v.optional(ipv4),
});

/** A record without a lease says since when and why. A file that lost both is damaged. */
const saysWhy = (record: {
  family: 4 | 6;
  lease?: object | undefined;
  lost?: object | undefined;
  ipv6?: object | undefined;
}) =>
  record.lease !== undefined ||
  record.lost !== undefined ||
  (record.family === 6 && record.ipv6 !== undefined);
const SAYS_WHY = 'a lease, or since when and why there is none';

/**
 * The loss for a record whose file tells no reason. The container keeps its address until a server
 * grants one.
 */
function lostWith(at: WallTime) {
  return { at, cause: 'damaged-record', isAddressKept: true } as const;
}

const network = {
  id,
  options: is.networkOptions,
  internal: v.optional(flag, false),
  bounds: v.optional(is.bounds),
  subnet6: v.optional(subnet6),
  vlanLink: absentOr(is.linkName),
  outerLink: v.optional(is.linkName),
  uplinkPort: v.optional(flag, false),
  vlanMembers: v.optional(v.array(is.linkName)),
  theirs: v.optional(v.array(v.picklist(['bridge', 'vlan-link', 'outer-link']))),
  mtu,
};

const leaseFields = {
  id,
  family: v.picklist([4, 6]),
  scopeId: id,
  mac,
  clientId: is.clientId,
  isMacShared: v.optional(flag),
  hostName: absentOr(is.hostName),
  requestedAddress: absentOr(ipv4),
  mtu,
  isStable: flag,
  lease: absentOr(lease),
  lost: absentOr(lost),
  ipv6: v.optional(ipv6),
  awaited: v.optional(v.array(v.looseObject({ address: ipv4, since: is.moment }))),
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

type LeaseSchema = v.GenericSchema<unknown, LeaseRecord>;

/** Chooses the schema by the holder's kind. So the reason is about that kind. */
function byHolder(schemas: Readonly<Record<LeaseRecord['holder']['is'], LeaseSchema>>) {
  return v.lazy((record: unknown): LeaseSchema => {
    const kind = (record as { holder?: { is?: unknown } | null }).holder?.is;
    return kind === 'endpoint' || kind === 'address' || kind === 'host'
      ? schemas[kind]
      : schemas.nobody;
  });
}

export const complete: {
  readonly [K in keyof Records]: v.GenericSchema<unknown, Records[K]>;
} = {
  networks: v.looseObject(network) satisfies v.GenericSchema<unknown, NetworkRecord>,
  leases: byHolder({
    endpoint: v.pipe(
      v.looseObject({
        ...leaseFields,
        holder: v.pipe(
          v.looseObject(endpoint),
          v.check((holder) => hasItsOwnLink(holder), OWN_LINK),
        ),
      }),
      v.check((record) => saysWhy(record), SAYS_WHY),
    ),
    address: v.pipe(
      v.looseObject({ ...leaseFields, holder: v.looseObject(address) }),
      v.check((record) => saysWhy(record), SAYS_WHY),
    ),
    host: v.pipe(
      v.looseObject({ ...leaseFields, holder: v.looseObject(host) }),
      v.check((record) => isHostLease(record), "the host's own link and id on its network"),
      v.check((record) => saysWhy(record), SAYS_WHY),
    ),
    nobody: v.pipe(
      v.looseObject({ ...leaseFields, holder: v.looseObject(nobody) }),
      v.check(
        (record) => isLeased(record) || record.awaited !== undefined,
        'a lease, or an address that Docker is still to release',
      ),
    ),
  }),
  pools: v.looseObject(pool) satisfies v.GenericSchema<unknown, PoolRecord>,
};

/**
 * @param file.id replaces an id that cannot be read.
 * @param file.writtenAt when the file was written. Replaces times that cannot be read.
 */
export function readable(file: { readonly id: string; readonly writtenAt: WallTime }): {
  readonly [K in keyof Records]?: v.GenericSchema<unknown, Records[K]>;
} {
  const { writtenAt } = file;
  // If the id can be read and is another one, the file was refused before (`read-record.ts`).
  const fileId = v.fallback(v.literal(file.id), file.id);
  return {
    networks: v.looseObject({
      ...network,
      id: fileId,
      options: is.readableOptions,
      subnet6: v.fallback(network.subnet6, undefined),
      vlanLink: v.fallback(network.vlanLink, undefined),
      outerLink: v.fallback(network.outerLink, undefined),
      uplinkPort: v.fallback(network.uplinkPort, false),
      vlanMembers: v.fallback(network.vlanMembers, undefined),
      theirs: v.fallback(network.theirs, undefined),
      mtu: v.fallback(mtu, 1500),
    }),
    leases: byHolder({
      endpoint: v.pipe(
        v.looseObject({
          ...readableLease(fileId),
          clientId: v.fallback(v.optional(is.clientId), undefined),
          holder: readableEndpoint(file),
        }),
        // If our IPAM leased the address, or with `client_id`, the client-id may come from a name.
        v.check(
          ({ clientId, holder }) =>
            clientId !== undefined ||
            (holder.addressGiven !== true && holder.isClientIdTyped !== true),
          'a client-id',
        ),
        v.transform((record) => ({
          ...record,
          clientId: record.clientId ?? macClientId(record.mac),
          lost: saysWhy(record) ? record.lost : lostWith(writtenAt),
        })),
      ),
      address: v.pipe(
        v.looseObject({
          ...readableLease(fileId),
          holder: v.looseObject({
            ...address,
            createdAt: v.fallback(is.moment, { wall: writtenAt, boot: undefined }),
            wasSeen: v.fallback(flag, false),
          }),
        }),
        v.transform((record) => ({
          ...record,
          lost: saysWhy(record) ? record.lost : lostWith(writtenAt),
        })),
      ),
      // The host asks for a lease anew, and nobody uses the other one. So nothing is guessed.
      host: complete.leases,
      nobody: complete.leases,
    }),
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
  };
}

function readableLease<Id>(fileId: Id) {
  return {
    ...leaseFields,
    id: fileId,
    family: v.fallback(leaseFields.family, 4),
    isMacShared: v.fallback(leaseFields.isMacShared, undefined),
    hostName: v.fallback(leaseFields.hostName, undefined),
    requestedAddress: v.fallback(leaseFields.requestedAddress, undefined),
    mtu: v.fallback(mtu, 1500),
    isStable: v.fallback(flag, false),
    lease: v.fallback(leaseFields.lease, undefined),
    lost: v.fallback(leaseFields.lost, undefined),
    ipv6: v.fallback(leaseFields.ipv6, undefined),
    awaited: v.fallback(leaseFields.awaited, undefined),
  };
}

/**
 * The id of the endpoint names its link. Each can be found from the other. The file has the name of
 * the first endpoint that had the lease.
 */
function readableEndpoint(file: { readonly id: string; readonly writtenAt: WallTime }) {
  const { terms } = endpoint;
  return v.pipe(
    v.looseObject({
      ...endpoint,
      id: v.fallback(v.optional(id), undefined),
      hostEnd: v.fallback(v.optional(endpoint.hostEnd), undefined),
      containerEnd: v.fallback(v.optional(endpoint.containerEnd), undefined),
      macGiven: v.fallback(flag, false),
      guard: v.fallback(endpoint.guard, undefined),
      terms: v.fallback(terms, { answered: undefined, configured: undefined }),
      createdAt: v.fallback(wallTime, file.writtenAt),
      sandboxKey: v.fallback(endpoint.sandboxKey, undefined),
      ifName: v.fallback(endpoint.ifName, undefined),
      interfaceName: v.fallback(endpoint.interfaceName, undefined),
      dnsAsked: v.fallback(endpoint.dnsAsked, undefined),
      containerName: v.fallback(endpoint.containerName, undefined),
      joinedAt: v.fallback(endpoint.joinedAt, undefined),
      hasLeft: v.fallback(endpoint.hasLeft, undefined),
    }),
    v.check(
      (holder) => holder.id !== undefined || isLinkOf(file.id, holder.hostEnd),
      'an id, and a link that tells it',
    ),
    v.transform((holder) => ({
      ...holder,
      id: holder.id ?? file.id,
      ...linkEnds(holder.id ?? file.id, holder.mode),
    })),
  );
}
