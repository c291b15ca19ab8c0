/**
 * Finds out, while a request for a lease meets silence, whether a VLAN with a number close by has a
 * DHCP server. A mistyped number is the most usual cause of silence.
 *
 * It asks beside the request, and ends with it. So neither a good start nor a failure takes longer.
 * It asks a few VLANs, by tagged frames on the parent, and makes no link.
 */
import type { Logger } from '../../logger.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import type { Instant, Ms } from '../../vocabulary/time.ts';
import type { Segment } from '../../vocabulary/vlan-tags.ts';
import type { Ipv4 } from '../../wire/address.ts';
import { probeTrunk, type TrunkProbeDeps, type VlanAnswer } from './trunk-probe.ts';

export interface NearbyVlansDeps extends TrunkProbeDeps {
  readonly log: Logger;
  /** The VLANs of that parent on which this host has networks. */
  readonly known: (parent: string) => readonly number[];
}

/** One request for a lease, from its beginning to its end. */
export interface NearbyWatch {
  /** Adds to an error of silence which VLANs answer. Returns any other error as it is. */
  explain(error: unknown): unknown;
  /** The same for the log: the request goes on in silence, and fails nobody. */
  warn(segment: string): void;
  /** Must be called when the request is over. */
  end(): void;
}

/** dnsmasq pings an address for 3 s before it offers it. It answers before this is over. */
const SILENT_FOR: Ms = 5_000;
/** Where the whole wait is short, the questions begin earlier: those servers need 3 s, too. */
const ANSWERED_WITHIN: Ms = 4_000;
/** Servers that do not ping answer within milliseconds. */
const SILENT_AT_LEAST: Ms = 1_000;
/** The furthest number that is asked. */
const NEAR = 8;
const NO_TAG = 0;
/** Networks of this host that are asked, too: a container may be on the wrong one. */
const MOST_KNOWN = 16;
/** A segment is asked about at most this often. An answer counts for as long. */
const ASKED_EVERY: Ms = 60_000;
/** More would hide the one that was meant. */
const MOST_NAMED = 3;

const NO_WATCH: NearbyWatch = {
  explain: (error) => error,
  warn: () => undefined,
  end: () => undefined,
};

export class NearbyVlans {
  readonly #deps: NearbyVlansDeps;
  /** When each segment was asked about. Old ones are dropped. */
  readonly #askedAt = new Map<string, Instant>();
  /** By link. One that is asked now is not asked at the same time for another segment. */
  readonly #asking = new Set<string>();
  /** The servers that answered on each link, by VLAN. Old ones are dropped. */
  readonly #heard = new Map<string, Map<number, { server: Ipv4; at: Instant }>>();

  constructor(deps: NearbyVlansDeps) {
    this.#deps = deps;
  }

  /**
   * @param segment.uplink the port of an operator's bridge that leads to the trunk. The bridge
   * itself would pass on only those VLANs that the host is in.
   * @param by when the request gives up.
   */
  watch(segment: Segment & { readonly uplink?: string | undefined }, by: Instant): NearbyWatch {
    const { parent, vlan, uplink: link = parent } = segment;
    // Behind two tags a question would need both. Without a tag no number was typed.
    if (typeof vlan !== 'number') return NO_WATCH;
    const { clock, log, known } = this.#deps;
    const now = clock.now();
    const latest = Math.max(SILENT_AT_LEAST, by - now - ANSWERED_WITHIN);
    const ended = new AbortController();
    const cancel = clock.at(now + Math.min(SILENT_FOR, latest), () => {
      void this.#ask(link, vlan, known(parent), ended.signal);
    });
    return {
      explain: (error) => {
        const hint = isCompleteSilence(error) ? this.#hint(link, vlan) : undefined;
        if (hint === undefined) return error;
        const { code, message, evidence } = error as PluginError;
        return new PluginError(code, `${message}; ${hint}`, { cause: error, evidence });
      },
      warn: (label) => {
        const hint = this.#hint(link, vlan);
        if (hint !== undefined) log.warn({ segment: label }, `no DHCP server answers yet; ${hint}`);
      },
      end: () => {
        cancel();
        ended.abort();
      },
    };
  }

  async #ask(
    link: string,
    vlan: number,
    known: readonly number[],
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, log } = this.#deps;
    const now = clock.now();
    const key = `${vlan} ${link}`;
    for (const [other, at] of this.#askedAt) {
      if (now - at >= ASKED_EVERY) this.#askedAt.delete(other);
    }
    if (this.#asking.has(link) || this.#askedAt.has(key)) return;
    this.#askedAt.set(key, now);
    this.#asking.add(link);
    try {
      await probeTrunk(this.#deps, {
        ...{ parent: link, signal, vlans: vlansNear(vlan, known) },
        onAnswer: (answer) => this.#hear(link, answer),
      });
    } catch (err) {
      // Nobody waits for it. The request itself says what is wrong with the link.
      if (!signal.aborted) log.debug({ err, link }, 'VLANs near by could not be asked');
    } finally {
      this.#asking.delete(link);
    }
  }

  #hear(link: string, { vlan, server }: VlanAnswer): void {
    const heard = this.#heard.get(link) ?? new Map<number, { server: Ipv4; at: Instant }>();
    this.#heard.set(link, heard.set(vlan, { server, at: this.#deps.clock.now() }));
  }

  /** The nearest VLANs first. Undefined if none has answered. */
  #hint(link: string, vlan: number): string | undefined {
    const heard = this.#heard.get(link);
    if (heard === undefined) return undefined;
    const now = this.#deps.clock.now();
    for (const [other, { at }] of heard) if (now - at >= ASKED_EVERY) heard.delete(other);
    if (heard.size === 0) this.#heard.delete(link);
    const found = byDistance(vlan, [...heard.keys()]).slice(0, MOST_NAMED);
    if (found.length === 0) return undefined;
    const names = found.map((other) => {
      const where = other === NO_TAG ? `${link} without a tag` : `VLAN ${other} of ${link}`;
      return `${heard.get(other)?.server} on ${where}`;
    });
    return `if VLAN ${vlan} is the wrong number, these DHCP servers answer: ${names.join(', ')}`;
  }
}

/** The numbers close by, the VLAN without a tag, and those of this host's networks. */
export function vlansNear(vlan: number, known: readonly number[]): readonly number[] {
  const near = Array.from({ length: 2 * NEAR + 1 }, (_, index) => vlan - NEAR + index);
  const valid = near.filter((one) => one >= 1 && one <= 4094);
  const networks = byDistance(vlan, [...new Set(known)]).slice(0, MOST_KNOWN);
  return [...new Set([...byDistance(vlan, valid), NO_TAG, ...networks])];
}

/** Without the VLAN itself. The one without a tag has no number that could be close. */
function byDistance(vlan: number, others: readonly number[]): number[] {
  const distance = (one: number) => (one === NO_TAG ? Infinity : Math.abs(one - vlan));
  return others
    .filter((one) => one !== vlan)
    .sort((one, other) => distance(one) - distance(other) || one - other);
}

/** True if nobody at all has answered. Else the segment is the right one. */
function isCompleteSilence(error: unknown): boolean {
  return error instanceof PluginError && error.evidence['isSilent'] === true;
}
