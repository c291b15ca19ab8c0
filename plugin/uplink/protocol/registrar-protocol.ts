/**
 * What members and the registrar say to each other, version 1: JSON over HTTP inside the tunnel.
 * Fields that are not known are ignored, so that a later version can add some.
 */
import * as v from 'valibot';
import { clientName } from './manage-protocol.ts';
import {
  count,
  key,
  mtu,
  pathMtu,
  siteName,
  tlsUrl,
  tunnelAddress,
  vlans,
  vni,
} from './value-schemas.ts';

export const PROTOCOL_VERSION = 1;
/** A request of a member has some hundred bytes. */
export const LONGEST_REQUEST = 4_096;
/** A view with all VLANs, one by one. */
export const LONGEST_ANSWER = 65_536;
/**
 * The registrar holds a question this long if nothing has changed. Words and TCP tell whether both
 * ends are still there.
 */
export const HELD_MS = 300_000;

/** It is shown on a terminal, which must not obey it. */
const text = v.pipe(
  v.string(),
  v.maxLength(300),
  v.transform((said) => said.replace(/\p{Cc}/gu, '?')),
);
const time = v.pipe(v.number(), v.integer());

/** The body of `POST /v1/members`. */
export const joinRequest = v.object({
  version: v.literal(PROTOCOL_VERSION),
  key,
  /** The host's own name, to show. */
  name: v.pipe(v.string(), v.maxLength(64), v.regex(/^[\x20-\x7e]*$/)),
});
export type JoinRequest = v.InferOutput<typeof joinRequest>;

/** The body of `PUT /v1/self/key`. */
export const keyRequest = v.object({ key });

/** The body of `PUT /v1/self/path`: the largest packet that passes the tunnel. */
export const pathRequest = v.object({ mtu: pathMtu });

/** What a member is to the hub: the answer of `POST /v1/members` and of `GET /v1/self`. */
export const memberView = v.object({
  name: siteName,
  site: siteName,
  address: tunnelAddress,
  vni,
  vlans,
  mtu,
  mesh: v.boolean(),
  /** True until an operator approves it. It has no VLAN until then. */
  held: v.boolean(),
  /** Undefined if its Docker is not managed. Who has a certificate with it may manage it (U11). */
  client: v.optional(clientName),
  /** Grows with each change. */
  revision: count,
  /** Where the hub is to be reached over TLS. It is no part of the revision. */
  tlsUrl: v.optional(tlsUrl),
});
export type MemberView = v.InferOutput<typeof memberView>;

/** A refusal. `usedBy` and `usedAt` come with 409. */
export const refusal = v.object({
  error: text,
  usedBy: v.optional(text),
  usedAt: v.optional(time),
});
export type Refusal = v.InferOutput<typeof refusal>;

/** The answer of `GET /v1/members`. */
export interface OtherMember {
  readonly name: string;
  readonly key: string;
  readonly address: string;
  readonly endpoint: string | undefined;
}
