/** The hub's memory on disk: `hub.json`, `members/NAME-NUMBER.json`, `invites/ID.json`. */
import { join } from 'node:path';
import {
  makeFolder,
  readFolder,
  readState,
  removeState,
  writeState,
} from '../uplink/state-file.ts';
import {
  hubRecord,
  inviteRecord,
  memberRecord,
  type HubRecord,
  type InviteRecord,
  type MemberRecord,
} from './hub-records.ts';

/** What the hub needs of it. Tests have one whose disk is full. */
export interface HubStore {
  saveMember(record: MemberRecord): Promise<void>;
  removeMember(record: MemberRecord): Promise<void>;
  saveInvite(record: InviteRecord): Promise<void>;
  removeInvite(record: InviteRecord): Promise<void>;
}

export interface HubContents {
  readonly members: readonly MemberRecord[];
  readonly invites: readonly InviteRecord[];
}

export class HubFiles implements HubStore {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Undefined before `vlandhcp hub init`. @throws PluginError STATE_UNREADABLE. */
  readHub(): Promise<HubRecord | undefined> {
    return readState(join(this.#dir, 'hub.json'), hubRecord);
  }

  async saveHub(record: HubRecord): Promise<void> {
    await makeFolder(this.#dir);
    await writeState(join(this.#dir, 'hub.json'), record);
  }

  /**
   * @throws PluginError STATE_UNREADABLE. With half of the members the hub would cut off the other
   * half, so it does not start then. The kernel keeps their path meanwhile (U5).
   */
  async load(): Promise<HubContents> {
    return {
      members: await readFolder(join(this.#dir, 'members'), memberRecord),
      invites: await readFolder(join(this.#dir, 'invites'), inviteRecord),
    };
  }

  saveMember(record: MemberRecord): Promise<void> {
    return writeState(this.#memberPath(record), record);
  }

  removeMember(record: MemberRecord): Promise<void> {
    return removeState(this.#memberPath(record));
  }

  saveInvite(record: InviteRecord): Promise<void> {
    return writeState(this.#invitePath(record), record);
  }

  removeInvite(record: InviteRecord): Promise<void> {
    return removeState(this.#invitePath(record));
  }

  #memberPath({ name, number }: MemberRecord): string {
    return join(this.#dir, 'members', `${name}-${number}.json`);
  }

  #invitePath({ id }: InviteRecord): string {
    return join(this.#dir, 'invites', `${id}.json`);
  }
}
