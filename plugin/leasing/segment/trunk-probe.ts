/**
 * Finds out on which VLANs of a trunk a DHCP server answers, and what it offers. It sends DISCOVER
 * and nothing after the OFFER, so nothing is leased. It makes no link.
 *
 * Each VLAN is asked twice, at a bounded rate. The xid of a question names its VLAN. So an answer
 * that comes by another VLAN shows that two VLANs are joined somewhere.
 */
import type { Clock } from '../../clock.ts';
import { readOffer } from '../../dhcp4/client/client-acceptance.ts';
import { decodeFrame, encodeFrame } from '../../dhcp4/frame.ts';
import { leaseTermsOf } from '../../dhcp4/lease-terms.ts';
import { buildDiscover } from '../../dhcp4/requests.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import type { LeaseTerms } from '../../vocabulary/lease.ts';
import type { Instant, Ms } from '../../vocabulary/time.ts';
import {
  IPV4_ANY,
  IPV4_BROADCAST,
  MAC_BROADCAST,
  type Ipv4,
  type Mac,
} from '../../wire/address.ts';
import { MalformedError } from '../../wire/malformed-error.ts';
import { clientConfig, type LeaseSubject } from '../lease-subject.ts';

export interface TrunkSocket {
  readonly mac: Mac;
  send(frame: Uint8Array, vlan: number): void;
  close(): void;
}

/** @throws PluginError SOCKET_FAILED. */
export type OpenTrunkSocket = (
  parent: string,
  handlers: {
    onFrame(frame: Uint8Array, info: { checksumReady: boolean; vlanId: number }): void;
    readonly onTag?: ((vlan: number) => void) | undefined;
    onError(error: Error): void;
  },
) => TrunkSocket;

export interface TrunkProbeDeps {
  readonly clock: Clock;
  readonly random: () => number;
  readonly openTrunkSocket: OpenTrunkSocket;
}

export interface TrunkQuestion {
  readonly parent: string;
  /** 0 is the VLAN without a tag. */
  readonly vlans: readonly number[];
  readonly signal: AbortSignal;
  readonly onProgress?: (asked: number, of: number) => void;
  /** Called with each answer when it comes. */
  readonly onAnswer?: (answer: VlanAnswer) => void;
  /** Called with the VLAN of each ARP frame that is heard meanwhile. */
  readonly onTag?: (vlan: number) => void;
}

/** The first offer of one server on one VLAN. */
export interface VlanAnswer {
  readonly vlan: number;
  readonly server: Ipv4;
  readonly serverMac: Mac;
  readonly terms: LeaseTerms;
  readonly roundTripMs: Ms;
  /** The VLAN that was asked, if another one answered. */
  readonly askedVlan: number | undefined;
}

/** 4,094 VLANs are asked in 16 s. A switch and a server take that for quiet traffic. */
const QUESTIONS_PER_SECOND = 256;
const TURN: Ms = 31.25;
const QUESTIONS_PER_TURN = (QUESTIONS_PER_SECOND * TURN) / 1000;
const ROUNDS = 2;
/** dnsmasq pings an address for 3 s before it offers it. */
const LAST_ANSWER_AFTER: Ms = 4_000;
/** The low bits of the xid name the VLAN. */
const VLAN_BITS = 0xfff;
/** A VLAN may have several servers. A flood of made-up ones must not fill memory. */
const MOST_ANSWERS_PER_VLAN = 4;

/** @throws PluginError SOCKET_FAILED, CANCELLED. @returns the answers by VLAN, then server. */
export async function probeTrunk(
  { clock, random, openTrunkSocket }: TrunkProbeDeps,
  { parent, vlans, signal, onProgress, onAnswer, onTag }: TrunkQuestion,
): Promise<readonly VlanAnswer[]> {
  const answers = new Map<string, VlanAnswer>();
  const sentAt = new Map<number, Instant>();
  const xidBase = (Math.floor(random() * 2 ** 20) * (VLAN_BITS + 1)) >>> 0;
  let cancelTimer: () => void = () => undefined;
  let socket: TrunkSocket | undefined;
  let stopListening: () => void = () => undefined;

  const receive = (frame: Uint8Array, info: { checksumReady: boolean; vlanId: number }): void => {
    const answer = answerIn(frame, info);
    if (answer === undefined) return;
    const key = `${answer.vlan} ${answer.server}`;
    const ofVlan = [...answers.values()].filter(({ vlan }) => vlan === answer.vlan);
    if (answers.has(key) || ofVlan.length >= MOST_ANSWERS_PER_VLAN) return;
    answers.set(key, answer);
    onAnswer?.(answer);
  };

  const answerIn = (
    frame: Uint8Array,
    { checksumReady, vlanId: vlan }: { checksumReady: boolean; vlanId: number },
  ): VlanAnswer | undefined => {
    try {
      const { message, sourceMac, sourceAddress } = decodeFrame(frame, { checksumReady });
      const { xid } = message;
      const asked = xid & VLAN_BITS;
      const at = sentAt.get(asked);
      if (xid >>> 0 !== (xidBase | asked) >>> 0 || at === undefined || socket === undefined) return;
      const env = { now: clock.now(), random, config: clientConfig(subjectOf(parent, socket.mac)) };
      const event = { type: 'message', message, sourceMac, sourceAddress } as const;
      const offer = readOffer(event, env, { xid, declined: [] });
      if (offer.type !== 'OFFER') return undefined;
      return {
        ...{ vlan, server: offer.serverId, serverMac: sourceMac },
        terms: leaseTermsOf(message, offer.serverId, sourceMac),
        roundTripMs: clock.now() - at,
        askedVlan: asked === vlan ? undefined : asked,
      };
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      return undefined;
    }
  };

  const isAnswered = (asked: number) =>
    [...answers.values()].some(({ vlan, askedVlan }) => (askedVlan ?? vlan) === asked);

  const ask = (vlan: number, round: number): void => {
    if (socket === undefined || isAnswered(vlan)) return;
    const config = clientConfig(subjectOf(parent, socket.mac));
    const exchange = { xid: (xidBase | vlan) >>> 0, secs: round };
    const message = buildDiscover(config, exchange, { wished: undefined, rapidCommit: false });
    const frame = encodeFrame({
      ...{ sourceMac: config.mac, destinationMac: MAC_BROADCAST },
      ...{ sourceAddress: IPV4_ANY, destinationAddress: IPV4_BROADCAST, message },
    });
    sentAt.set(vlan, clock.now());
    socket.send(frame, vlan);
  };

  try {
    await new Promise<void>((resolve, reject) => {
      const cancelled = () =>
        reject(new PluginError('CANCELLED', `the probe of ${parent} was stopped`));
      if (signal.aborted) return cancelled();
      signal.addEventListener('abort', cancelled, { once: true });
      stopListening = () => signal.removeEventListener('abort', cancelled);
      socket = openTrunkSocket(parent, { onFrame: receive, onTag, onError: reject });
      const questions = Array.from({ length: ROUNDS }, (_, round) =>
        vlans.map((vlan) => [vlan, round] as const),
      ).flat();
      const startedAt = clock.now();
      let turn = 0;
      const next = (): void => {
        try {
          const from = turn * QUESTIONS_PER_TURN;
          turn += 1;
          const now = questions.slice(from, from + QUESTIONS_PER_TURN);
          for (const question of now) ask(...question);
          const asked = Math.min(from + now.length, questions.length);
          onProgress?.(asked, questions.length);
          const isLast = asked === questions.length;
          cancelTimer = isLast
            ? clock.at(clock.now() + LAST_ANSWER_AFTER, resolve)
            : clock.at(startedAt + turn * TURN, next);
        } catch (error) {
          reject(error instanceof Error ? error : new Error('unknown'));
        }
      };
      next();
    });
  } finally {
    stopListening();
    cancelTimer();
    socket?.close();
  }
  return [...answers.values()].sort(
    (one, other) => one.vlan - other.vlan || one.server.localeCompare(other.server),
  );
}

/** The parent itself asks. Its MAC is known to the switch already. */
function subjectOf(parent: string, mac: Mac): LeaseSubject {
  return {
    key: `probe of ${parent}`,
    identity: {
      mac,
      clientId: Uint8Array.from([1, ...mac.split(':').map((octet) => Number.parseInt(octet, 16))]),
      ...{ hostName: undefined, requestedAddress: undefined },
    },
    mtu: 1500,
    ...{ segment: parent, acd: 'off', allowedServers: [], rapidCommit: false },
    // An answer to the MAC alone would not pass a switch that has not learnt it on that VLAN.
    broadcast: true,
  };
}
