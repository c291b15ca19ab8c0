/**
 * What a member that is managed has of the hub's authority: a key of its own, its certificate, and
 * the certificate of the authority. One file for each uplink, so that it is whole or missing.
 */
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import * as v from 'valibot';
import type { WallTime } from '../../vocabulary/time.ts';
import { makeFolder, readState, removeState, writeState } from '../state-file.ts';

const credentials = v.object({
  /** PEM, all three. */
  privateKey: v.string(),
  certificate: v.string(),
  authority: v.string(),
});
export type Credentials = v.InferOutput<typeof credentials>;

/** What a member needs of it. */
export interface CredentialStore {
  load(device: string): Promise<Credentials | undefined>;
  save(device: string, credentials: Credentials): Promise<void>;
  remove(device: string): Promise<void>;
}

export class CredentialFiles implements CredentialStore {
  readonly #dir: string;

  /** @param stateDir that of the uplinks. Files of uplinks are in it, so these have a folder. */
  constructor(stateDir: string) {
    this.#dir = join(stateDir, 'manage');
  }

  /** @throws PluginError STATE_UNREADABLE. */
  load(device: string): Promise<Credentials | undefined> {
    return readState(this.#path(device), credentials);
  }

  async save(device: string, own: Credentials): Promise<void> {
    await makeFolder(this.#dir);
    await writeState(this.#path(device), own);
  }

  async remove(device: string): Promise<void> {
    await makeFolder(this.#dir);
    await removeState(this.#path(device));
  }

  #path(device: string): string {
    return join(this.#dir, `${device}.json`);
  }
}

/** A third of its time is left for hubs that are silent. */
const RENEWED_AT = 2 / 3;

export interface CertificateAge {
  readonly from: WallTime;
  readonly until: WallTime;
  readonly renewAt: WallTime;
}

/** Undefined if it is no certificate, or if it does not name this member at that address. */
export function ageOf({ certificate }: Credentials, address: string): CertificateAge | undefined {
  try {
    const read = new X509Certificate(certificate);
    if (read.checkIP(address) === undefined) return undefined;
    const [from, until] = [Date.parse(read.validFrom), Date.parse(read.validTo)];
    return { from, until, renewAt: from + (until - from) * RENEWED_AT };
  } catch {
    return undefined;
  }
}
