/** What the hub answers to a member whose Docker is to be managed, or is not any more (U11). */
import type { SignedCertificate } from '../../uplink/protocol/manage-protocol.ts';
import { publicKeyOfRequest } from '../../uplink/manage/certificates.ts';
import type { MemberRecord } from '../hub-records.ts';
import type { HubState } from '../hub-state.ts';
import { isLive } from '../members.ts';
import { ChangeLimit } from '../registrar/change-limit.ts';
import { failure, type Answer } from '../registrar/hub-answers.ts';
import type { Ms } from '../../vocabulary/time.ts';
import type { Authority } from './authority.ts';

/** A person may change their mind. */
const MOST_CHANGES = 4;
const CHANGES_WITHIN: Ms = 10_000;
const TOO_OFTEN = failure(429, 'the management changes too often; try again in 10 s');

export class ManageAnswers {
  readonly #hub: HubState;
  readonly #authority: Authority;
  readonly #changes = new ChangeLimit(MOST_CHANGES, CHANGES_WITHIN);

  constructor(hub: HubState, authority: Authority) {
    this.#hub = hub;
    this.#authority = authority;
  }

  /** `PUT /v1/self/request`. The same request may come again: it costs one more certificate. */
  certify(from: string, request: string): Promise<Answer> {
    return this.#hub.turn(async () => {
      const member = this.#hub.memberAt(from);
      if (member === undefined || !isLive(member)) return failure(403, 'only a member is managed');
      if (member.phase === 'held') return failure(403, `${member.name} waits for approval`);
      const publicKey = await publicKeyOfRequest(request);
      if (publicKey === undefined) {
        return failure(400, 'request is no certificate request of a key of EC P-256');
      }
      const now = this.#hub.now();
      const isOn = member.managed?.isOn === true;
      if (!isOn && !this.#changes.allows(member.number, now)) return TOO_OFTEN;
      const certificate = await this.#authority.signServer(member, publicKey, now);
      const authority = await this.#authority.certificate(now);
      if (!isOn) await this.#set(member, { isOn: true });
      const body: SignedCertificate = { certificate, authority, now };
      return { status: 200, body };
    });
  }

  /** `DELETE /v1/self/request`. All certificates of clients end with it. */
  withdraw(from: string): Promise<Answer> {
    return this.#hub.turn(async () => {
      const member = this.#hub.memberAt(from);
      if (member === undefined || !isLive(member)) return failure(403, 'only a member is managed');
      const { managed } = member;
      if (managed?.isOn === true) {
        if (!this.#changes.allows(member.number, this.#hub.now())) return TOO_OFTEN;
        await this.#set(member, { isOn: false, clients: managed.clients + 1, port: undefined });
      }
      return { status: 204 };
    });
  }

  async #set(
    member: MemberRecord,
    change: Partial<NonNullable<MemberRecord['managed']>>,
  ): Promise<void> {
    const managed = { isOn: false, clients: 1, ...member.managed, ...change };
    await this.#hub.save({ ...member, managed, revision: member.revision + 1 });
    await this.#hub.ensureTunnel();
    this.#hub.inBackground(() => this.#hub.ensure());
    this.#hub.log.info(
      { member: member.name, isOn: managed.isOn },
      'management of a member changed',
    );
  }
}
