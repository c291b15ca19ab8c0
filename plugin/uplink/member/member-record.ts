/** What a member stores of itself, in one file for each uplink (D7). */
import { join } from 'node:path';
import * as v from 'valibot';
import { memberView } from '../protocol/registrar-protocol.ts';
import { isProxy } from '../streams/proxy/proxy-way.ts';
import { isSshWay } from '../streams/ssh-way.ts';
import { makeFolder, readFolder, removeState, writeState } from '../state-file.ts';
import {
  count,
  endpointText,
  key,
  siteName,
  tlsUrl,
  tunnelAddress,
} from '../protocol/value-schemas.ts';

export const DEVICE = /^[a-z][a-z0-9-]{0,11}$/;

const uplinkRecord = v.object({
  /** `uplink0`. */
  device: v.pipe(v.string(), v.regex(DEVICE)),
  /** Its own key. It is written before the hub hears of it, and stays over restarts. */
  privateKey: key,
  /** A key that the hub may know already (U16). */
  nextKey: v.optional(key),
  hub: v.object({
    site: siteName,
    publicKey: key,
    address: tunnelAddress,
    endpoints: v.pipe(v.array(endpointText), v.minLength(1)),
    /** Of the token. What the hub says later counts more. */
    tlsUrl: v.optional(tlsUrl),
  }),
  /** `ssh://user@hub?jump=a,b`: a person has chosen this way, and no other one is tried. */
  via: v.optional(v.pipe(v.string(), v.check(isSshWay, 'a way by ssh'))),
  /** The HTTP proxy for the way over TLS, as a person typed it. It may have a password. */
  proxy: v.optional(v.pipe(v.string(), v.check(isProxy, 'an HTTP proxy'))),
  /** True if it spoke by a stream last. After a restart it begins there. */
  isByStream: v.optional(v.boolean()),
  /** By which the same token is known when it is pasted again. */
  tokenId: v.string(),
  /** Until the hub has answered. */
  oneTime: v.optional(v.object({ secret: key, address: tunnelAddress, expiresAt: count })),
  /** Undefined until the hub has answered. */
  view: v.optional(memberView),
  joinedAt: v.optional(count),
  /** Its Docker may be managed over this uplink (U11). Undefined: no. */
  isManaged: v.optional(v.boolean()),
  /** The management was ended, and the hub has not heard it: clients are still known there. */
  isEnding: v.optional(v.boolean()),
  /** A join that failed. Its key is kept while the token is valid: the hub may know it. */
  hasFailed: v.optional(v.boolean()),
});
export type UplinkRecord = v.InferOutput<typeof uplinkRecord>;

/** What a member needs of it. */
export interface UplinkStore {
  save(record: UplinkRecord): Promise<void>;
  remove(device: string): Promise<void>;
}

export class UplinkFiles implements UplinkStore {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** @throws PluginError STATE_UNREADABLE. */
  load(): Promise<UplinkRecord[]> {
    return readFolder(this.#dir, uplinkRecord);
  }

  async save(record: UplinkRecord): Promise<void> {
    await makeFolder(this.#dir);
    await writeState(this.#path(record.device), record);
  }

  remove(device: string): Promise<void> {
    return removeState(this.#path(device));
  }

  #path(device: string): string {
    return join(this.#dir, `${device}.json`);
  }
}
