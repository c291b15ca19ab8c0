/**
 * What an operator is told when the records of the hub change. The store is where every change
 * passes, so nothing else has to tell.
 */
import { TUNNEL_MTU } from '../../uplink/desired.ts';
import { fingerprintOf } from '../../uplink/wireguard-key.ts';
import type { WallTime } from '../../vocabulary/time.ts';
import type { HubRecord, InviteRecord, MemberRecord } from '../hub-records.ts';
import type { HubContents, HubStore } from '../hub-store.ts';
import { addressOf } from '../members.ts';
import type { HubEvent } from './hub-events.ts';

/** Pure. @param before undefined: there was none. @returns in the order in which to tell them. */
function memberChanges(
  hub: Pick<HubRecord, 'subnet'>,
  before: MemberRecord | undefined,
  after: MemberRecord,
): readonly HubEvent[] {
  const { name: member, number, phase, vlans, hostName: host, publicKey } = after;
  if (before === undefined) {
    const address = addressOf(hub, number);
    return [
      { type: 'member.joined', member, address, host, vlans, held: phase === 'held' },
      ...managementChange(false, after),
    ];
  }
  if (before.phase !== phase) {
    if (phase === 'revoked') return [{ type: 'member.revoked', member }];
    if (phase === 'left') return [{ type: 'member.left', member }];
  }
  const events: HubEvent[] = [];
  if (before.phase === 'held' && phase === 'member') {
    events.push({ type: 'member.approved', member });
  }
  if (before.vlans.join() !== vlans.join()) {
    events.push({ type: 'vlans.changed', member, vlans, before: before.vlans });
  }
  if (before.publicKey !== publicKey) {
    events.push({ type: 'key.changed', member, fingerprint: fingerprintOf(publicKey) });
  }
  const mtu = after.pathMtu ?? TUNNEL_MTU;
  if (mtu !== (before.pathMtu ?? TUNNEL_MTU)) events.push({ type: 'path.changed', member, mtu });
  return [...events, ...managementChange(before.managed?.isOn === true, after)];
}

function managementChange(wasOn: boolean, { name, managed }: MemberRecord): readonly HubEvent[] {
  const isOn = managed?.isOn === true;
  if (isOn === wasOn) return [];
  return [{ type: isOn ? 'management.on' : 'management.off', member: name }];
}

export interface WatchedStoreDeps {
  readonly record: Pick<HubRecord, 'subnet'>;
  /** What is stored already. */
  readonly contents: HubContents;
  readonly emit: (event: HubEvent) => void;
  readonly wall: () => WallTime;
  /** Told of each record of a member that is stored, after the events of it. */
  readonly stored: (member: MemberRecord) => void;
}

/** Also tells who has which address in the tunnel: members and invitations. */
export class WatchedStore implements HubStore {
  readonly #store: HubStore;
  readonly #deps: WatchedStoreDeps;
  /** By number. Bounded by the addresses of the tunnel network, as are the invitations. */
  readonly #members: Map<number, MemberRecord>;
  readonly #invites: Map<number, InviteRecord>;

  constructor(store: HubStore, deps: WatchedStoreDeps) {
    this.#store = store;
    this.#deps = deps;
    const { members, invites } = deps.contents;
    this.#members = new Map(members.map((member) => [member.number, member]));
    this.#invites = new Map(invites.map((invite) => [invite.number, invite]));
  }

  /** The name of whoever has that address. Undefined: nobody. */
  nameAt(address: string): string | undefined {
    const number = Number(address.split('.').at(-1));
    if (addressOf(this.#deps.record, number) !== address) return undefined;
    return (this.#members.get(number) ?? this.#invites.get(number))?.name;
  }

  async saveMember(record: MemberRecord): Promise<void> {
    await this.#store.saveMember(record);
    const before = this.#members.get(record.number);
    this.#members.set(record.number, record);
    for (const event of memberChanges(this.#deps.record, before, record)) this.#deps.emit(event);
    this.#deps.stored(record);
  }

  async removeMember(record: MemberRecord): Promise<void> {
    await this.#store.removeMember(record);
    this.#members.delete(record.number);
  }

  async saveInvite(record: InviteRecord): Promise<void> {
    await this.#store.saveInvite(record);
    this.#invites.set(record.number, record);
    this.#deps.emit({ type: 'invitation.made', member: record.name, vlans: record.vlans });
  }

  async removeInvite(record: InviteRecord): Promise<void> {
    await this.#store.removeInvite(record);
    this.#invites.delete(record.number);
    const isUsed = [...this.#members.values()].some(({ inviteId }) => inviteId === record.id);
    if (isUsed) return;
    const cause = this.#deps.wall() < record.expiresAt ? 'withdrawn' : 'expired';
    this.#deps.emit({ type: 'invitation.ended', member: record.name, cause });
  }
}
