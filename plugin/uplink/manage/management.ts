/** The management of Docker by all uplinks of this host (U11). */
import type { UplinkRecord } from '../member/member-record.ts';
import type { StateName } from '../member/states.ts';
import { MANAGE_PORT } from '../protocol/manage-protocol.ts';
import { certificateClient } from './certificate-client.ts';
import { CredentialFiles } from './credentials.ts';
import { DockerProxy } from './docker-proxy.ts';
import { ManagedUplink, type ManagementDeps, type ManagementStatus } from './managed-uplink.ts';

class Management {
  readonly #deps: ManagementDeps;
  /** By device. */
  readonly #uplinks = new Map<string, ManagedUplink>();

  constructor(deps: ManagementDeps) {
    this.#deps = deps;
  }

  /** To be called when something of an uplink has changed. */
  update(record: UplinkRecord, state: StateName): Promise<void> {
    const { device } = record;
    const known = this.#uplinks.get(device) ?? new ManagedUplink(this.#deps, record);
    this.#uplinks.set(device, known);
    return known.update(record, state);
  }

  status(device: string): ManagementStatus | undefined {
    return this.#uplinks.get(device)?.status;
  }

  async forget(device: string): Promise<void> {
    const known = this.#uplinks.get(device);
    this.#uplinks.delete(device);
    await known?.forget();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#uplinks.values()].map((one) => one.close()));
  }
}

/** On real sockets. */
export function openManagement(
  { clock, log }: Pick<ManagementDeps, 'clock' | 'log'>,
  stateDir: string,
  dockerSocket: string,
): Management {
  return new Management({
    ...{ clock, log, store: new CredentialFiles(stateDir), hub: certificateClient },
    open: (address, name, trust) => {
      const where = { address, port: MANAGE_PORT, dockerSocket, name };
      return DockerProxy.open({ ...where, now: () => clock.wall(), log }, trust);
    },
  });
}
