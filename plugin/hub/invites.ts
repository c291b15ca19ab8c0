/** Invitations: what is stored of one, and the token that is told once. */
import type { WallTime } from '../vocabulary/time.ts';
import { formatToken, tokenId, type Token } from '../uplink/protocol/token.ts';
import { generateKey, publicKeyOf } from '../uplink/wireguard-key.ts';
import type { HubRecord, InviteRecord } from './hub-records.ts';
import { addressOf } from './members.ts';

export interface InviteWanted {
  readonly name: string;
  /** Sorted and unique. */
  readonly vlans: readonly number[];
  readonly mesh: boolean;
  readonly approve: boolean;
  readonly expiresMs: number;
}

/** The private half of the one-time key is in the token only. */
export function makeInvite(
  hub: HubRecord,
  { expiresMs, vlans, ...wanted }: InviteWanted,
  number: number,
  now: WallTime,
): { readonly record: InviteRecord; readonly token: string } {
  const secret = generateKey();
  const token: Token = {
    endpoints: hub.endpoints,
    tlsUrl: hub.tls?.url,
    hubKey: publicKeyOf(hub.privateKey),
    secret,
    address: addressOf(hub, number),
    hubAddress: addressOf(hub),
    site: hub.site,
    // The token has whole seconds, and both ends must mean the same moment.
    expiresAt: Math.ceil((now + expiresMs) / 1000) * 1000,
  };
  const { expiresAt } = token;
  const times = { createdAt: now, expiresAt };
  const own = { id: tokenId(token), number, publicKey: publicKeyOf(secret) };
  return { record: { ...wanted, ...own, ...times, vlans: [...vlans] }, token: formatToken(token) };
}
