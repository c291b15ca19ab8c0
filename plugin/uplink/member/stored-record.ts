/** The record of a member, in memory as on disk. Writes take turns with all else that is done. */
import type { Logger } from '../../logger.ts';
import type { MemberView } from '../protocol/registrar-protocol.ts';
import { generateKey, type WgKey } from '../wireguard-key.ts';
import type { UplinkRecord, UplinkStore } from './member-record.ts';

export interface StoredRecordDeps {
  readonly store: UplinkStore;
  readonly log: Logger;
  readonly wall: () => number;
  readonly inTurn: (work: () => Promise<void>, onFailure: (error: unknown) => void) => void;
}

export class StoredRecord {
  readonly #deps: StoredRecordDeps;
  #record: UplinkRecord;

  constructor(record: UplinkRecord, deps: StoredRecordDeps) {
    this.#record = record;
    this.#deps = deps;
  }

  get now(): UplinkRecord {
    return this.#record;
  }

  /** The hub has said what this member is. */
  take(view: MemberView): void {
    const joinedAt = this.#record.joinedAt ?? this.#deps.wall();
    const { isEnding, ...rest } = this.#record;
    this.#record = { ...rest, oneTime: undefined, view, joinedAt };
    if (isEnding === true && view.client !== undefined)
      this.#record = { ...this.#record, isEnding };
    this.#write();
  }

  /** By which way it speaks. */
  keepWay(isByStream: boolean): void {
    if ((this.#record.isByStream ?? false) === isByStream) return;
    this.#record = { ...this.#record, isByStream };
    this.#write();
  }

  /** Makes the next key. It is on disk before the hub hears of it. @throws PluginError. */
  async makeNextKey(): Promise<WgKey> {
    const nextKey = generateKey();
    this.#record = { ...this.#record, nextKey };
    await this.#deps.store.save(this.#record);
    return nextKey;
  }

  /** @throws PluginError. It is as before then. */
  async setManaged(isManaged: boolean): Promise<void> {
    const { isEnding, view } = this.#record;
    const isBegun = isEnding === true || (!isManaged && view?.client !== undefined);
    const changed = { ...this.#record, isManaged, isEnding: isBegun || undefined };
    await this.#deps.store.save(changed);
    this.#record = changed;
  }

  /** Ends a rotation. Nothing is done if there was none. */
  keepKey(which: 'next' | 'own'): void {
    const { nextKey, ...rest } = this.#record;
    if (nextKey === undefined) return;
    this.#record = which === 'next' ? { ...rest, privateKey: nextKey } : rest;
    this.#write();
  }

  /** What cannot be written is written at the next change. After a restart the hub is asked. */
  #write(): void {
    const record = this.#record;
    this.#deps.inTurn(
      () => this.#deps.store.save(record),
      (err) =>
        this.#deps.log.error({ link: record.device, err }, 'state of the uplink not written'),
    );
  }
}
