/**
 * The hub's records, in memory as on disk, and what is made of them: the kernel's links, the end of
 * what is over, and the answers that wait for a change. Changes take turns.
 */
import type { Clock } from '../clock.ts';
import { createQueue } from '../keyed-lock.ts';
import type { Logger } from '../logger.ts';
import { HELD_MS } from '../uplink/protocol/registrar-protocol.ts';
import { publicKeyOf, type WgKey } from '../uplink/wireguard-key.ts';
import { PluginError } from '../vocabulary/errors.ts';
import type { HubDesired, HubLinks, HubMade, HubPeer } from './desired.ts';
import type { HubContents, HubStore } from './hub-store.ts';
import type { HubRecord, InviteRecord, MemberRecord } from './hub-records.ts';
import {
  addressOf,
  desiredOf,
  ENDED_KEPT_MS,
  GUEST_KEPT_MS,
  HUB_DEVICE,
  isLive,
  NEXT_KEY_MS,
  nextEnd,
} from './members.ts';

/** After which a part that the kernel refused is tried again, and what the disk refused. */
const TRY_AGAIN_MS = 10_000;

/** A change is made alone. What others have changed is looked for after it, this much later. */
const LOOK_AFTER = 10_000;
/** Changes that follow each other put the look off, but not for longer than this. */
const LOOK_WITHIN = 300_000;

export interface HubDeps {
  readonly record: HubRecord;
  readonly store: HubStore;
  readonly links: HubLinks;
  readonly clock: Pick<Clock, 'now' | 'wall' | 'at'>;
  readonly log: Logger;
}

export class HubState {
  readonly #deps: HubDeps;
  /** Runs a change after all changes before it. */
  readonly turn = createQueue();
  /** By number. Bounded by the addresses of the tunnel network, as are the invitations. */
  readonly #members = new Map<number, MemberRecord>();
  readonly #invites = new Map<number, InviteRecord>();
  /** Held questions, one for each member. */
  readonly #waiting = new Map<number, () => void>();
  #cancelTimer: () => void = () => undefined;
  /** True if the kernel refused a part of what is stored. */
  #isUnmade = false;
  /** What the kernel has, as far as we know. */
  #made: HubMade = {};
  /** When the first change was made after the last look. Infinity if there was none. */
  #changedAt = Infinity;
  #lookAt = Infinity;
  /** Not before: the disk has refused the end of what is over. */
  #endAt = -Infinity;

  constructor(deps: HubDeps, { members, invites }: HubContents) {
    this.#deps = deps;
    for (const member of members) this.#members.set(member.number, member);
    for (const invite of invites) this.#invites.set(invite.number, invite);
  }

  /**
   * Makes the kernel equal to what is stored. Without the tunnel nobody can be served. A port that
   * cannot be made is tried again, because without a hub all members lose their carrier.
   * @throws PluginError
   */
  start(): Promise<void> {
    return this.turn(async () => {
      await this.#endIfPossible();
      await this.ensureTunnel();
      await this.ensure().catch((err: unknown) =>
        this.#deps.log.error({ err }, 'hub: not all links are made; they are tried again'),
      );
    });
  }

  close(): void {
    this.#cancelTimer();
    this.#cancelTimer = () => undefined;
    for (const release of this.#waiting.values()) release();
  }

  get record(): HubRecord {
    return this.#deps.record;
  }

  get contents(): HubContents {
    return { members: [...this.#members.values()], invites: [...this.#invites.values()] };
  }

  peers(): Promise<ReadonlyMap<WgKey, HubPeer>> {
    return this.#deps.links.peers(HUB_DEVICE);
  }

  now(): number {
    return this.#deps.clock.wall();
  }

  get log(): Logger {
    return this.#deps.log;
  }

  /** The peer alone: an answer waits for it. */
  async ensureTunnel(): Promise<void> {
    const [desired, { tunnel, ports }] = [this.desired(), this.#made];
    this.#made = { ports };
    await this.#deps.links.ensureTunnel(desired, tunnel);
    this.#made = { tunnel: desired, ports };
    if (tunnel !== undefined) this.#lookSoon();
  }

  member(number: number): MemberRecord | undefined {
    return this.#members.get(number);
  }

  async add(invite: InviteRecord): Promise<void> {
    await this.#deps.store.saveInvite(invite);
    this.#invites.set(invite.number, invite);
    this.#arm();
  }

  /** Writes it, then remembers it, then tells who waits for it. */
  async save(member: MemberRecord): Promise<void> {
    await this.#deps.store.saveMember(member);
    const before = this.#members.get(member.number);
    this.#members.set(member.number, member);
    if (before?.revision !== member.revision || !isLive(member)) {
      this.#waiting.get(member.number)?.();
    }
    this.#arm();
  }

  async drop(invite: InviteRecord): Promise<void> {
    await this.#deps.store.removeInvite(invite);
    this.#invites.delete(invite.number);
  }

  /** Makes the kernel equal to the records, where they have changed. */
  ensure(): Promise<void> {
    return this.#ensure(this.#made);
  }

  /** Looks at all of it. */
  #mend(): Promise<void> {
    this.#changedAt = this.#lookAt = Infinity;
    return this.#ensure({});
  }

  async #ensure(made: HubMade): Promise<void> {
    const desired = this.desired();
    this.#isUnmade = true;
    this.#made = {};
    try {
      await this.#deps.links.ensure(desired, made);
      this.#isUnmade = false;
      this.#made = { tunnel: desired, ports: desired };
      if (made.ports !== undefined) this.#lookSoon();
    } finally {
      this.#arm();
    }
  }

  #lookSoon(): void {
    const now = this.#deps.clock.now();
    this.#changedAt = Math.min(this.#changedAt, now);
    this.#lookAt = Math.min(now + LOOK_AFTER, this.#changedAt + LOOK_WITHIN);
    this.#arm();
  }

  desired(): HubDesired {
    return desiredOf(this.record, this.contents, this.#deps.clock.wall());
  }

  /** If the disk is full, what is over ends later. @returns true if something may have ended. */
  #endIfPossible(): Promise<boolean> {
    const { clock, log } = this.#deps;
    if (clock.now() < this.#endAt) return Promise.resolve(false);
    return this.#endWhatIsOver().catch((err: unknown) => {
      this.#endAt = clock.now() + TRY_AGAIN_MS;
      log.error({ err }, 'hub: what is over could not be ended; it is tried again');
      return true;
    });
  }

  async #endWhatIsOver(): Promise<boolean> {
    const now = this.#deps.clock.wall();
    const lateInvites = [...this.#invites.values()].filter(
      ({ expiresAt }) => now >= expiresAt + GUEST_KEPT_MS,
    );
    for (const invite of lateInvites) await this.drop(invite);
    let isChanged = lateInvites.length > 0;
    for (const member of this.#members.values()) {
      const { nextKey, endedAt = Infinity, ...rest } = member;
      if (now >= endedAt + ENDED_KEPT_MS) {
        // A clock that was wrong may have given the token a longer life than its trace has.
        const used = [...this.#invites.values()].find(({ id }) => id === member.inviteId);
        if (used !== undefined) await this.drop(used);
        await this.#deps.store.removeMember(member);
        this.#members.delete(member.number);
        isChanged = true;
      } else if (nextKey !== undefined && now >= nextKey.since + NEXT_KEY_MS) {
        await this.save(rest);
        this.#deps.log.warn(
          { member: member.name },
          'new key of a member not heard; old one stays',
        );
        isChanged = true;
      }
    }
    return isChanged;
  }

  /** One timer for all that ends by itself. */
  #arm(): void {
    const { clock } = this.#deps;
    this.#cancelTimer();
    const end = Math.max(nextEnd(this.contents) - clock.wall(), this.#endAt - clock.now());
    const again = this.#isUnmade ? TRY_AGAIN_MS : this.#lookAt - clock.now();
    const left = Math.min(end, again);
    // At most each hour, and at least each second, however the wall clock is set.
    const delay = Math.min(Math.max(left, 1_000), GUEST_KEPT_MS);
    this.#cancelTimer = clock.at(left === Infinity ? Infinity : clock.now() + delay, () =>
      this.inBackground(async () => {
        const isOver = await this.#endIfPossible();
        if (this.#isUnmade || clock.now() >= this.#lookAt) await this.#mend();
        else if (isOver) await this.ensure();
        else this.#arm();
      }),
    );
  }

  inBackground(work: () => Promise<void>): void {
    this.turn(work).catch((err: unknown) =>
      this.#deps.log.error({ err }, 'hub: change not made; it is made with the next one'),
    );
  }

  /** Resolves when the member's record changes, after HELD_MS, or when the member is gone. */
  changeOf(number: number, gone: AbortSignal): Promise<void> {
    this.#waiting.get(number)?.();
    const { clock } = this.#deps;
    return new Promise((resolve) => {
      const release = (): void => {
        cancel();
        gone.removeEventListener('abort', release);
        if (this.#waiting.get(number) === release) this.#waiting.delete(number);
        resolve();
      };
      const cancel = clock.at(clock.now() + HELD_MS, release);
      this.#waiting.set(number, release);
      gone.addEventListener('abort', release);
      if (gone.aborted) release();
    });
  }

  memberAt(address: string): MemberRecord | undefined {
    return [...this.#members.values()].find(
      ({ number }) => addressOf(this.record, number) === address,
    );
  }

  find(name: string): MemberRecord | undefined {
    return [...this.#members.values()].find((member) => member.name === name && isLive(member));
  }

  /** @throws PluginError if there is no such member. */
  named(name: string): MemberRecord {
    const member = this.find(name);
    if (member !== undefined) return member;
    const names = [...this.#members.values()].filter(isLive).map((one) => one.name);
    const known = names.length === 0 ? 'there is none yet' : `members are ${names.join(', ')}`;
    throw new PluginError('INVALID_REQUEST', `there is no member ${name}; ${known}`);
  }

  /** Not yet used, and not late. */
  openInvite(name: string): InviteRecord | undefined {
    const used = new Set([...this.#members.values()].map(({ inviteId }) => inviteId));
    return [...this.#invites.values()].find(
      (invite) =>
        invite.name === name && !used.has(invite.id) && this.#deps.clock.wall() < invite.expiresAt,
    );
  }

  isTaken(key: WgKey): boolean {
    const { members, invites } = this.contents;
    return (
      key === publicKeyOf(this.record.privateKey) ||
      invites.some(({ publicKey }) => publicKey === key) ||
      members.some(({ publicKey, nextKey }) => publicKey === key || nextKey?.key === key)
    );
  }
}
