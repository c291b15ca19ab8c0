/**
 * What an operator may do at the hub. Every change is written, then made true in the kernel, and
 * done when the call returns.
 */
import { PluginError } from '../vocabulary/errors.ts';
import type { InviteRecord, MemberRecord } from './hub-records.ts';
import type { HubState } from './hub-state.ts';
import { makeInvite, type InviteWanted } from './invites.ts';
import { freeNumber } from './members.ts';

export class HubOperator {
  readonly #hub: HubState;

  constructor(hub: HubState) {
    this.#hub = hub;
  }

  /** @throws PluginError if there is such a member or invitation, or no address is left. */
  invite(wanted: InviteWanted): Promise<{ record: InviteRecord; token: string }> {
    return this.#hub.turn(async () => {
      const { name } = wanted;
      if (this.#hub.find(name) !== undefined) {
        throw refused(
          `${name} is a member already; choose another name, or first: vlandhcp hub revoke ${name}`,
        );
      }
      const open = this.#hub.openInvite(name);
      if (open !== undefined) {
        throw refused(
          `${name} has an invitation that is open until ${new Date(open.expiresAt).toISOString()}; withdraw it first: vlandhcp hub revoke ${name}`,
        );
      }
      const number = freeNumber(this.#hub.contents);
      if (number === undefined) {
        throw refused('all 253 addresses of the tunnel network are taken; revoke members first');
      }
      const made = makeInvite(this.#hub.record, wanted, number, this.#hub.now());
      await this.#hub.add(made.record);
      await this.#hub.ensureTunnel();
      this.#hub.log.info({ member: name, vlans: wanted.vlans }, 'member invited');
      return made;
    });
  }

  setVlans(name: string, vlans: readonly number[]): Promise<MemberRecord> {
    return this.#change(name, () => ({ vlans: [...vlans] }), 'VLANs of a member changed');
  }

  approve(name: string): Promise<MemberRecord> {
    return this.#change(
      name,
      ({ phase }) => {
        if (phase !== 'held') throw refused(`${name} is approved already`);
        return { phase: 'member' };
      },
      'member approved',
    );
  }

  /** Ends a member, and an open invitation of that name. Done when no frame passes any more. */
  revoke(name: string): Promise<{ readonly was: 'member' | 'invitation' }> {
    return this.#hub.turn(async () => {
      const member = this.#hub.find(name);
      const invite = this.#hub.openInvite(name);
      if (invite === undefined) this.#hub.named(name);
      if (invite !== undefined) await this.#hub.drop(invite);
      if (member !== undefined) {
        const endedAt = this.#hub.now();
        await this.#hub.save({
          ...member,
          nextKey: undefined,
          phase: 'revoked',
          endedAt,
          revision: member.revision + 1,
        });
      }
      await this.#hub.ensure();
      this.#hub.log.info({ member: name }, 'member revoked');
      return { was: member === undefined ? 'invitation' : 'member' };
    });
  }

  #change(
    name: string,
    change: (member: MemberRecord) => Partial<MemberRecord>,
    told: string,
  ): Promise<MemberRecord> {
    return this.#hub.turn(async () => {
      const member = this.#hub.named(name);
      const changed = { ...member, ...change(member), revision: member.revision + 1 };
      await this.#hub.save(changed);
      await this.#hub.ensure();
      this.#hub.log.info({ member: name, vlans: changed.vlans }, told);
      return changed;
    });
  }
}

function refused(message: string): PluginError {
  return new PluginError('INVALID_REQUEST', message);
}
