/** What the hub stores: itself, its members and its invitations (D7). */
import * as v from 'valibot';
import {
  count,
  endpointText,
  isName,
  key,
  mtu,
  pathMtu,
  siteName,
  tlsUrl,
  tunnelAddress,
  vlans,
} from '../uplink/protocol/value-schemas.ts';

const time = v.pipe(v.number(), v.integer(), v.minValue(0));
/** The last part of an address in the tunnel. The hub has 1. */
const number = v.pipe(v.number(), v.integer(), v.minValue(2), v.maxValue(254));
const linkName = v.pipe(v.string(), v.regex(/^[^\s/]{1,15}$/));
const port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535));

export const hubRecord = v.object({
  site: siteName,
  trunk: linkName,
  /** What members dial: `hub.example.net:51820`. */
  endpoints: v.pipe(v.array(endpointText), v.minLength(1), v.maxLength(8)),
  listenPort: port,
  /** The address of the /24, which ends in 0. */
  subnet: v.pipe(tunnelAddress, v.endsWith('.0')),
  mtu,
  privateKey: key,
  createdAt: time,
  /** Members reach it over TLS, too: the port here, and what they dial. Earlier hubs have none. */
  tls: v.optional(v.object({ port, url: tlsUrl })),
});
export type HubRecord = v.InferOutput<typeof hubRecord>;

export const memberRecord = v.object({
  name: v.custom<string>(isName, 'a name'),
  number,
  inviteId: v.string(),
  publicKey: key,
  /** A key that the member changes over to, until it was heard with it. */
  nextKey: v.optional(v.object({ key, since: time })),
  vlans,
  mesh: v.boolean(),
  /**
   * `held`: waits for an operator. `revoked`, `left`: kept for a while, so that a second use of the
   * token is told from a first one, and so that the member hears why.
   */
  phase: v.picklist(['held', 'member', 'revoked', 'left']),
  hostName: v.string(),
  /** The largest packet that passes on the way to it. Undefined: as much as the tunnel has. */
  pathMtu: v.optional(pathMtu),
  /** Its Docker is managed, or was (U11). Undefined: never. */
  managed: v.optional(
    v.object({
      isOn: v.boolean(),
      /** Part of the name in certificates of clients. A new number ends all of them. */
      clients: count,
      /** TCP port of the hub that leads to it. Undefined: none. */
      port: v.optional(port),
    }),
  ),
  joinedAt: time,
  /** When it first asked under its own key. */
  confirmedAt: v.optional(time),
  endedAt: v.optional(time),
  revision: count,
});
export type MemberRecord = v.InferOutput<typeof memberRecord>;

export const inviteRecord = v.object({
  id: v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/)),
  name: v.custom<string>(isName, 'a name'),
  number,
  /** The public half of the one-time key. */
  publicKey: key,
  vlans,
  mesh: v.boolean(),
  approve: v.boolean(),
  createdAt: time,
  expiresAt: time,
});
export type InviteRecord = v.InferOutput<typeof inviteRecord>;
