/**
 * Probes of other hosts for the address that we probe for. The sender may want the address, or only
 * look who has it.
 *
 * RFC 5227 §2.1.1 takes any such probe as a conflict. Deviation: a single probe is no conflict. The
 * device tracking of a switch (Cisco IPDT, SISF) sends one from 0.0.0.0, some 50 ms after our ACK,
 * to learn who is at the port. Its next probe comes 30 s or more later. Its frame may come from
 * another MAC than the MAC that it names. A host sends PROBE_NUM probes, PROBE_MIN to PROBE_MAX
 * apart, in frames of its own.
 *
 * So a probe counts as a conflict if the same host has probed before. After the first probe of a
 * host, our own probing goes on until that host would have probed again. If we miss a host that
 * way, its own rules correct it: it hears our probe or our announcement while it still probes.
 */
import type { Instant, Ms } from '../vocabulary/time.ts';
import { isMulticastMac, MAC_ZERO, type Mac } from '../wire/address.ts';
import type { ArpFrame } from './frame.ts';
import type { ProbeProfile } from './profiles.ts';

export interface Rivals {
  /** The hosts that probed once, and when. */
  readonly heard: readonly { readonly mac: Mac; readonly at: Instant }[];
  /** By then a host among them would have probed again. Undefined if there is none. */
  readonly until: Instant | undefined;
}

export const NO_RIVALS: Rivals = { heard: [], until: undefined };

/** Copies of one frame, which came another way through the switches, come sooner than this. */
const REPEATED_AFTER: Ms = 50;
/** A host's timer may be late by this factor. */
const PATIENCE = 1.25;
/** More hosts than this are an attack or a fault. They do not delay a start. */
const MOST_RIVALS = 4;

/** False for a MAC that no host's interface has: a group address, or all zeros. */
export function canBeHost(mac: Mac): boolean {
  return mac !== MAC_ZERO && !isMulticastMac(mac);
}

/** @returns `isClaim`: true if a host wants the address, too. */
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
