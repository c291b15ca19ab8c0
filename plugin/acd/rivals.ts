/**
 * Other hosts' probes for the address that we probe for: a host that wants it, or somebody who only looks.
 *
 * RFC 5227 §2.1.1 takes any such probe as a conflict. Deviation: a single one is none. A switch's device tracking
 * (Cisco IPDT, SISF) sends one, from 0.0.0.0, some 50 ms after it has seen our ACK, to learn who is at the port; the
 * next comes 30 s or more later, and its frame may come from another MAC than the one it names. A host sends PROBE_NUM
 * of them, PROBE_MIN to PROBE_MAX apart, in frames of its own. So a probe counts when the same host has probed before,
 * and one that was heard puts off the end of our own probing until a host would have probed again. Who misses a host
 * that way is corrected by its own rules: it hears our probe or our announcement while it still probes.
 */
import type { Instant, Ms } from '../vocabulary/time.ts';
import { isMulticastMac, MAC_ZERO, type Mac } from '../wire/address.ts';
import type { ArpFrame } from './frame.ts';
import type { ProbeProfile } from './profiles.ts';

export interface Rivals {
  /** Who probed once, and when. */
  readonly heard: readonly { readonly mac: Mac; readonly at: Instant }[];
  /** By then a host among them would have probed again. Undefined: there is none. */
  readonly until: Instant | undefined;
}

export const NO_RIVALS: Rivals = { heard: [], until: undefined };

/** Copies of one frame, by another way through the switches, come sooner. */
const REPEATED_AFTER: Ms = 50;
/** A host's timer may be late by this part. */
const PATIENCE = 1.25;
/** More are somebody's game: they do not hold up a start. */
const MOST_RIVALS = 4;

/** False for what no host's interface has: a group address, or none. */
export function canBeHost(mac: Mac): boolean {
  return mac !== MAC_ZERO && !isMulticastMac(mac);
}

/** @returns `isClaim`: a host wants the address, too. */
export function hearProbe(
  rivals: Rivals,
  { senderMac, source }: Pick<ArpFrame, 'senderMac' | 'source'>,
  now: Instant,
  { PROBE_MAX }: ProbeProfile,
): { readonly rivals: Rivals; readonly isClaim: boolean } {
  if (source !== senderMac || !canBeHost(senderMac)) return { rivals, isClaim: false };
  const before = rivals.heard.find(({ mac }) => mac === senderMac);
  if (before !== undefined) return { rivals, isClaim: now >= before.at + REPEATED_AFTER };
  if (rivals.heard.length >= MOST_RIVALS) return { rivals, isClaim: false };
  const heard = [...rivals.heard, { mac: senderMac, at: now }];
  return { rivals: { heard, until: now + PATIENCE * PROBE_MAX }, isClaim: false };
}
