/**
 * The schemas of the holders of a lease: an endpoint, an address, the host, or nobody.
 * `record-schemas.ts` builds records from these.
 */
import * as v from 'valibot';
import {
  ATTACHMENT_MODES,
  type AttachmentMode,
  type ContainerLink,
} from '../../vocabulary/attachment.ts';
import { hostLinkName, linkEnds } from '../../options/endpoint-identity.ts';
import { hostLeaseId } from '../lease-records.ts';
import * as is from './value-schemas.ts';

const { absentOr, flag, id, ipv4, text, wallTime } = is;

export const endpoint = {
  is: v.literal('endpoint'),
  id,
  mode: v.optional(v.picklist(ATTACHMENT_MODES)),
  hostEnd: absentOr(is.newLinkName),
  containerEnd: is.newLinkName,
  macGiven: flag,
  addressGiven: v.optional(flag),
  guard: v.optional(is.guard),
  terms: v.looseObject({ answered: absentOr(is.terms), configured: absentOr(is.linkTerms) }),
  createdAt: wallTime,
  sandboxKey: absentOr(text),
  ifName: v.optional(is.linkName),
  isClientIdTyped: v.optional(flag),
  isHostNameTyped: v.optional(flag),
  interfaceName: v.optional(is.linkName),
  dnsAsked: v.optional(is.dnsServers),
  containerName: v.optional(text),
  joinedAt: v.optional(wallTime),
  hasLeft: v.optional(flag),
};

export const address = {
  is: v.literal('address'),
  poolId: id,
  address: ipv4,
  createdAt: is.moment,
  wasSeen: flag,
};

export const nobody = {
  is: v.literal('nobody'),
  since: is.moment,
  why: v.picklist(['ended', 'orphan']),
};

export const host = {
  is: v.literal('host'),
  link: is.newLinkName,
  address: absentOr(v.looseObject({ address: ipv4, prefixLength: is.prefixLength })),
};

/**
 * The names must belong to this endpoint. Else it would take another endpoint's link from its
 * container.
 */
export const hasItsOwnLink = (
  record: { id: string; mode?: AttachmentMode | undefined } & ContainerLink,
) => {
  const { hostEnd, containerEnd } = linkEnds(record.id, record.mode);
  return record.hostEnd === hostEnd && record.containerEnd === containerEnd;
};
export const OWN_LINK = 'hostEnd and containerEnd that are made of its id';

/** The link and the id must belong to the network, for the same reason. */
export const isHostLease = (record: {
  id: string;
  scopeId: string;
  holder: { link: string };
}): boolean =>
  record.id === hostLeaseId(record.scopeId) && record.holder.link === hostLinkName(record.scopeId);

export function isLinkOf(endpointId: string, hostEnd: string | undefined): boolean {
  return hostEnd === undefined || hostEnd === linkEnds(endpointId, 'bridge').hostEnd;
}
