/**
 * What the hub answers to members. Who asks is known by the address in the tunnel, which WireGuard
 * ties to a key.
 *
 * Order of a join (crash-safe at every point): the member is written, its peer is set, the answer
 * is given, its links are made. The same key always gets the same answer.
 */
import { TUNNEL_MTU } from '../../uplink/desired.ts';
import type { JoinRequest, OtherMember } from '../../uplink/protocol/registrar-protocol.ts';
import { fingerprintOf, type WgKey } from '../../uplink/wireguard-key.ts';
import type { MemberRecord } from '../hub-records.ts';
import type { Ms } from '../../vocabulary/time.ts';
import type { HubState } from '../hub-state.ts';
import { ChangeLimit } from './change-limit.ts';
import { addressOf, freeNumber, isInMesh, isLive, viewOf } from '../members.ts';

export interface Answer {
  readonly status: number;
  /** Undefined: no body. */
  readonly body?: object;
  /** To be called after the answer was sent: it changes the peer by which the answer goes. */
  readonly end?: () => void;
}

const PATH_PAUSE: Ms = 5_000;
/** A key that is not heard is a line of the log, and so an event. */
const MOST_KEYS = 10;
const KEYS_WITHIN: Ms = 3_600_000;

export class HubAnswers {
  readonly #hub: HubState;
  /** Members whose word waits to be noted. More words of them say nothing new. */
  readonly #confirming = new Set<number>();

  readonly #paths = new ChangeLimit(1, PATH_PAUSE);
  readonly #keys = new ChangeLimit(MOST_KEYS, KEYS_WITHIN);
  /** Members that were answered by this process. By number, so it is bounded by the addresses. */
  readonly #answered = new Set<number>();

  constructor(hub: HubState) {
    this.#hub = hub;
  }

  /** `POST /v1/members`, by who has a one-time key. */
  admit(from: string, request: JoinRequest): Promise<Answer> {
    return this.#hub.turn(async () => {
      const invite = this.#hub.contents.invites.find(
        ({ number }) => addressOf(this.#hub.record, number) === from,
      );
      if (invite === undefined) return failure(403, 'only a one-time token makes a member');
      const known = this.#hub.contents.members.find(({ inviteId }) => inviteId === invite.id);
      if (known !== undefined) {
        if (known.publicKey !== request.key) {
          const usedBy = `${known.hostName} (key ${fingerprintOf(known.publicKey)})`;
          const error = 'the token was used already';
          return { status: 409, body: { error, usedBy, usedAt: known.joinedAt } };
        }
        if (!isLive(known)) return failure(403, `${known.name} was revoked`);
        await this.#hub.ensureTunnel();
        return { status: 200, body: viewOf(this.#hub.record, known) };
      }
      const now = this.#hub.now();
      if (now >= invite.expiresAt) {
        const at = new Date(invite.expiresAt).toISOString();
        return failure(410, `the token expired at ${at}, by the clock of the hub`);
      }
      if (this.#hub.isTaken(request.key)) return failure(400, 'this key belongs to somebody else');
      const number = freeNumber(this.#hub.contents);
      if (number === undefined) return failure(503, 'the tunnel network has no address left');
      const { id: inviteId, name, vlans, mesh, approve } = invite;
      const phase = approve ? 'held' : 'member';
      const member: MemberRecord = {
        ...{ name, number, inviteId, publicKey: request.key, vlans, mesh, phase },
        ...{ hostName: request.name, joinedAt: now, revision: 1 },
      };
      await this.#hub.save(member);
      await this.#hub.ensureTunnel();
      this.#hub.inBackground(() => this.#hub.ensure());
      this.#hub.log.info(
        { member: name, address: addressOf(this.#hub.record, number) },
        'member joined',
      );
      return { status: 200, body: viewOf(this.#hub.record, member) };
    });
  }

  /**
   * `GET /v1/self`. If the member has that revision already, the answer waits for a change, at most
   * for HELD_MS. The first question after a start of the hub is answered at once: the TLS port
   * changes with a start only, and is no part of the revision.
   */
  async self(from: string, revision: number | undefined, gone: AbortSignal): Promise<Answer> {
    const first = this.#hub.memberAt(from);
    if (first === undefined) return failure(403, 'this address is not that of a member');
    if (!isLive(first)) return failure(403, `${first.name} was revoked`);
    if (first.confirmedAt === undefined || first.nextKey !== undefined) this.#confirm(first);
    // The links of a new member are made by then, so a join is done when it says so.
    if (first.confirmedAt === undefined) await this.#hub.turn(() => Promise.resolve());
    const isNew = !this.#answered.has(first.number);
    this.#answered.add(first.number);
    if (first.revision === revision && !isNew) await this.#hub.changeOf(first.number, gone);
    const member = this.#hub.memberAt(from);
    if (member === undefined || !isLive(member)) return failure(403, `${first.name} was revoked`);
    return { status: 200, body: viewOf(this.#hub.record, member) };
  }

  /** `DELETE /v1/self`. */
  leave(from: string): Promise<Answer> {
    return this.#hub.turn(async () => {
      const member = this.#hub.memberAt(from);
      if (member === undefined) return failure(403, 'this address is not that of a member');
      if (isLive(member)) {
        const endedAt = this.#hub.now();
        await this.#hub.save({ ...member, nextKey: undefined, phase: 'left', endedAt });
        this.#hub.log.info({ member: member.name }, 'member left');
      }
      return { status: 204, end: () => this.#hub.inBackground(() => this.#hub.ensure()) };
    });
  }

  /** `PUT /v1/self/key`. */
  rotate(from: string, key: WgKey): Promise<Answer> {
    return this.#hub.turn(async () => {
      const member = this.#hub.memberAt(from);
      if (member === undefined || !isLive(member)) return failure(403, 'only a member has a key');
      const isKnown = member.nextKey?.key === key || member.publicKey === key;
      if (!isKnown && this.#hub.isTaken(key))
        return failure(400, 'this key belongs to somebody else');
      if (member.publicKey === key) return { status: 204 };
      if (!isKnown && !this.#keys.allows(member.number, this.#hub.now())) {
        return failure(429, `a member has ${MOST_KEYS} new keys in an hour; ask later`);
      }
      await this.#hub.save({ ...member, nextKey: { key, since: this.#hub.now() } });
      return { status: 204, end: () => this.#hub.inBackground(() => this.#hub.ensure()) };
    });
  }

  /** `PUT /v1/self/path`. What is sent to that member is cut to this size from now on. */
  path(from: string, mtu: number): Promise<Answer> {
    return this.#hub.turn(async () => {
      const member = this.#hub.memberAt(from);
      if (member === undefined || !isLive(member)) return failure(403, 'only a member has a way');
      if ((member.pathMtu ?? TUNNEL_MTU) === mtu) return { status: 204 };
      if (!this.#paths.allows(member.number, this.#hub.now())) {
        return failure(429, 'the way has changed just now; ask later');
      }
      await this.#hub.save({ ...member, pathMtu: mtu });
      await this.#hub.ensureTunnel();
      this.#hub.log.info({ member: member.name, mtu }, 'member has another way');
      return { status: 204 };
    });
  }

  /** `GET /v1/members`. */
  async others(from: string): Promise<Answer> {
    const member = this.#hub.memberAt(from);
    if (member === undefined || !isInMesh(member)) {
      return failure(403, 'only a member of the mesh may ask for the others');
    }
    const peers = await this.#hub.peers();
    const members = this.#hub.contents.members
      .filter((other) => isInMesh(other) && other.number !== member.number)
      .map(({ name, number, publicKey }): OtherMember => {
        const seen = peers.get(publicKey)?.endpoint;
        // A member that comes by a stream has a port of the hub itself. It is of no use to others.
        const endpoint = seen?.startsWith('127.') === true ? undefined : seen;
        return { name, key: publicKey, address: addressOf(this.#hub.record, number), endpoint };
      });
    return { status: 200, body: { members } };
  }

  /** The member was heard under its own key, or under its next one. */
  #confirm({ number }: MemberRecord): void {
    if (this.#confirming.has(number)) return;
    this.#confirming.add(number);
    this.#hub.inBackground(async () => {
      this.#confirming.delete(number);
      const member = this.#hub.member(number);
      if (member === undefined || !isLive(member)) return;
      const { nextKey, ...rest } = member;
      const confirmedAt = member.confirmedAt ?? this.#hub.now();
      // The question may have come under the old key, just before the change.
      const isHeard =
        nextKey !== undefined &&
        (await this.#hub.peers()).get(nextKey.key)?.handshakeAt !== undefined;
      if (isHeard) await this.#hub.save({ ...rest, confirmedAt, publicKey: nextKey.key });
      else if (member.confirmedAt === undefined) await this.#hub.save({ ...member, confirmedAt });
    });
  }
}

export function failure(status: number, error: string): Answer {
  return { status, body: { error } };
}
