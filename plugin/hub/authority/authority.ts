/**
 * The hub's authority: which certificates it makes, of whom, and for how long. What a request says
 * counts for its key alone.
 */
import { join } from 'node:path';
import * as v from 'valibot';
import { createQueue } from '../../keyed-lock.ts';
import { makeAuthority, makeClient, sign } from '../../uplink/manage/certificates.ts';
import type { Identity } from '../../uplink/manage/x509.ts';
import { parseEndpoint } from '../../uplink/protocol/value-schemas.ts';
import { makeFolder, readState, writeState } from '../../uplink/state-file.ts';
import type { WallTime } from '../../vocabulary/time.ts';
import type { HubRecord, MemberRecord } from '../hub-records.ts';
import { addressOf } from '../members.ts';

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3_650;
/** A member renews after two thirds of it. */
const SERVER_DAYS = 90;
/** Clocks may differ by so much. */
const BEFORE_MS = 600_000;

/** PEM. One file, because a key without its certificate is worth nothing. */
const identity = v.object({ privateKey: v.string(), certificate: v.string() });

export class Authority {
  readonly #path: string;
  readonly #dir: string;
  readonly #hub: HubRecord;
  readonly #turn = createQueue();
  #own: Identity | undefined;

  /** @param stateDir that of the hub. */
  constructor(stateDir: string, hub: HubRecord) {
    this.#dir = stateDir;
    this.#path = join(stateDir, 'authority.json');
    this.#hub = hub;
  }

  /** Its certificate. It is made at first use. @throws PluginError. */
  async certificate(now: WallTime): Promise<string> {
    return (await this.#load(now)).certificate;
  }

  /** @param publicKey DER. */
  async signServer(member: MemberRecord, publicKey: Uint8Array, now: WallTime): Promise<string> {
    return sign(await this.#load(now), {
      ...{ subject: member.name, publicKey, use: 'server' },
      ...{ names: this.#namesOf(member), from: now - BEFORE_MS, until: now + SERVER_DAYS * DAY_MS },
    });
  }

  async makeClient(member: MemberRecord, client: string, now: WallTime, ms: number) {
    const times = { from: now - BEFORE_MS, until: now + ms };
    const subject = `manages ${member.name}`;
    return makeClient(await this.#load(now), { subject, names: [client], ...times });
  }

  /** By these a client may dial it: its own, those of the hub, and those of a forwarded port. */
  #namesOf({ name, number }: MemberRecord): readonly string[] {
    const hubs = this.#hub.endpoints.map((endpoint) => parseEndpoint(endpoint)?.host ?? '');
    const own = [name, addressOf(this.#hub, number)];
    return [...new Set([...own, ...hubs, 'localhost', '127.0.0.1', '::1'])].filter(Boolean);
  }

  #load(now: WallTime): Promise<Identity> {
    return this.#turn(async () => {
      this.#own ??= await readState(this.#path, identity);
      if (this.#own !== undefined) return this.#own;
      const times = { from: now - BEFORE_MS, until: now + AUTHORITY_DAYS * DAY_MS };
      const made = await makeAuthority(`vlandhcp hub of ${this.#hub.site}`, times);
      await makeFolder(this.#dir);
      await writeState(this.#path, made);
      this.#own = made;
      return made;
    });
  }
}
