/**
 * Which members are silent. A member says a word every 2.5 s, inside the tunnel, by whichever way
 * it has. A member that is silent for longer than this has no carrier any more, or is off.
 */
import type { Clock } from '../../clock.ts';
import type { Recorded } from '../../runtime/history/recorded.ts';
import type { Instant, Ms, WallTime } from '../../vocabulary/time.ts';
import type { HubRecord, MemberRecord } from '../hub-records.ts';
import { addressOf, isLive } from '../members.ts';
import type { HubEvent } from './hub-events.ts';

const SILENT_AFTER: Ms = 15_000;

interface Heard {
  readonly name: string;
  /** Until it is heard: when this process began, or when the member joined. */
  at: Instant;
  /** Undefined: it is not silent. */
  silentSince: WallTime | undefined;
}

export interface MemberSilenceDeps {
  readonly record: Pick<HubRecord, 'subnet'>;
  readonly clock: Pick<Clock, 'now' | 'wall' | 'at'>;
  readonly emit: (event: HubEvent) => void;
  /** What was told before this process, oldest first: a restart makes nobody silent again. */
  readonly history: readonly Recorded<HubEvent>[];
}

export class MemberSilence {
  readonly #deps: MemberSilenceDeps;
  /** By address in the tunnel. Bounded by the members. */
  readonly #heard = new Map<string, Heard>();
  #cancelTimer: (() => void) | undefined;

  constructor(deps: MemberSilenceDeps, members: readonly MemberRecord[]) {
    this.#deps = deps;
    for (const member of members) this.stored(member);
    const byName = new Map([...this.#heard.values()].map((heard) => [heard.name, heard]));
    for (const event of deps.history) {
      if (!('member' in event) || event.member === undefined) continue;
      const heard = byName.get(event.member);
      if (heard === undefined) continue;
      if (event.type === 'member.silent') heard.silentSince = Date.parse(event.at) - SILENT_AFTER;
      if (event.type === 'member.back' || event.type === 'member.joined') {
        heard.silentSince = undefined;
      }
    }
    this.#arm();
  }

  close(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  /** A member that is new is heard from now on, and one that has ended is not any more. */
  stored(member: MemberRecord): void {
    const address = addressOf(this.#deps.record, member.number);
    if (!isLive(member)) return void this.#heard.delete(address);
    if (this.#heard.get(address)?.name === member.name) return;
    const at = this.#deps.clock.now();
    this.#heard.set(address, { name: member.name, at, silentSince: undefined });
    this.#arm();
  }

  /** A word came. Others than members say words, too. */
  word(address: string): void {
    const heard = this.#heard.get(address);
    if (heard === undefined) return;
    const { clock, emit } = this.#deps;
    heard.at = clock.now();
    const { silentSince } = heard;
    if (silentSince === undefined) return;
    heard.silentSince = undefined;
    const silentMs = Math.max(0, clock.wall() - silentSince);
    emit({ type: 'member.back', member: heard.name, silentMs });
    this.#arm();
  }

  /** How long ago each member was heard, or this process began. */
  ages(): ReadonlyMap<string, Ms> {
    const now = this.#deps.clock.now();
    return new Map([...this.#heard.values()].map(({ name, at }) => [name, now - at]));
  }

  /** Words are many, so they move no timer. It looks when the first one could be silent. */
  #arm(): void {
    if (this.#cancelTimer !== undefined) return;
    const { clock } = this.#deps;
    const next = Math.min(
      ...[...this.#heard.values()]
        .filter(({ silentSince }) => silentSince === undefined)
        .map(({ at }) => at + SILENT_AFTER),
    );
    if (next === Infinity) return;
    this.#cancelTimer = clock.at(next, () => {
      this.#cancelTimer = undefined;
      this.#look();
      this.#arm();
    });
  }

  #look(): void {
    const { clock, emit } = this.#deps;
    for (const heard of this.#heard.values()) {
      const age = clock.now() - heard.at;
      if (heard.silentSince !== undefined || age < SILENT_AFTER) continue;
      heard.silentSince = clock.wall() - age;
      emit({ type: 'member.silent', member: heard.name });
    }
  }
}
