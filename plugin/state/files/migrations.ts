/**
 * From what earlier versions wrote to what this one reads, one numbered step after the other. A step is never changed
 * once a version with it is out. What a step cannot make sense of it passes on as it is: the schemas name it.
 */
import type { Records } from '../stored-records.ts';

type Fields = Readonly<Record<string, unknown>>;
type Step = (record: Fields) => Fields;

/** By kind: what makes version 2 of version 1, 3 of 2, and so on. */
const STEPS: { readonly [K in keyof Records]: readonly Step[] } = {
  networks: [],
  leases: [],
  pools: [],
};

/** In the envelope of each file. One with a higher number is left alone. */
export function versionOf(kind: keyof Records): number {
  return STEPS[kind].length + 1;
}

/** @param version of the record, at most `versionOf(kind)`. */
export function migrated(record: Fields, version: number, steps: readonly Step[]): Fields {
  return steps.slice(version - 1).reduce((older, step) => step(older), record);
}

export function stepsOf(kind: keyof Records): readonly Step[] {
  return STEPS[kind];
}

/** Folders of before a lease had a record of its own: it lay with whoever had it. In the order of who counts. */
export const FORMER_KINDS = ['endpoints', 'addresses', 'held'] as const;
export type FormerKind = (typeof FORMER_KINDS)[number];

/** The record of one who had a lease becomes the record of the lease. */
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
