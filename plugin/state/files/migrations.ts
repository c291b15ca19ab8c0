/**
 * Converts records of earlier versions to the present version, by numbered steps. A step is never
 * changed after a release. A step leaves unchanged what it does not understand. The schemas then
 * report it.
 */
import type { Records } from '../stored-records.ts';

type Fields = Readonly<Record<string, unknown>>;
type Step = (record: Fields) => Fields;

/** For each kind: the step from version 1 to 2, from 2 to 3, and so on. */
const STEPS: { readonly [K in keyof Records]: readonly Step[] } = {
  networks: [],
  leases: [],
  pools: [],
};

/** Returns the version in the envelope of each file. A file with a higher version is left alone. */
export function versionOf(kind: keyof Records): number {
  return STEPS[kind].length + 1;
}

/** @param version the version of the record, at most `versionOf(kind)`. */
export function migrated(record: Fields, version: number, steps: readonly Step[]): Fields {
  return steps.slice(version - 1).reduce((older, step) => step(older), record);
}

export function stepsOf(kind: keyof Records): readonly Step[] {
  return STEPS[kind];
}

/**
 * The folders of versions that stored a lease with its holder. An earlier one in this list takes
 * precedence.
 */
export const FORMER_KINDS = ['endpoints', 'addresses', 'held'] as const;
export type FormerKind = (typeof FORMER_KINDS)[number];

/** Makes the record of a lease from the record of its former holder. */
export function leaseOfFormer(kind: FormerKind, record: Fields): Fields {
  switch (kind) {
    case 'endpoints':
      return leaseOfEndpoint(record);
    case 'addresses': {
      const { poolId, address, createdAt, wasSeen, ...rest } = record;
      const holder = { is: 'address', poolId, address, createdAt, wasSeen };
      return { ...rest, family: 4, holder };
    }
    case 'held': {
      const { heldAt, isOrphan, ...rest } = record;
      const why = isOrphan === true ? 'orphan' : 'ended';
      return { ...rest, family: 4, isStable: true, holder: { is: 'nobody', since: heldAt, why } };
    }
  }
}

function leaseOfEndpoint(record: Fields): Fields {
  const { id, networkId, mac, clientId, hostName, requestedAddress, mtu, lease, lost } = record;
  const { hostEnd, containerEnd, macGiven, addressGiven, isStable, guard, terms } = record;
  const { createdAt, sandboxKey, joinedAt, hasLeft } = record;
  return {
    ...{ id, family: 4, scopeId: networkId, mac, clientId, hostName, requestedAddress, mtu },
    ...{ isStable: isStable ?? macGiven, lease, lost },
    holder: {
      ...{ is: 'endpoint', id, hostEnd, containerEnd, macGiven, addressGiven, guard, terms },
      ...{ createdAt, sandboxKey, joinedAt, hasLeft },
    },
  };
}
