/** The service of a host that is not beside the trunk: its uplinks, and the admin socket. */
import * as v from 'valibot';
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import { PluginError } from '../vocabulary/errors.ts';
import { serveAdmin, type AdminCalls } from './admin-socket.ts';
import type { MemberLinks } from './desired.ts';
import { openManagement } from './manage/management.ts';
import type { NftCounters } from './kernel/nft-counters.ts';
import { UplinkFiles } from './member/member-record.ts';
import type { RegistrarClient } from './member/registrar-client.ts';
import { observeUplinks } from './watch/observed-uplinks.ts';
import type { ServiceTelling } from './watch/service-telling.ts';
import type { UplinkEvent } from './watch/uplink-events.ts';
import { Uplinks, type UplinksDeps } from './uplinks.ts';

export interface UplinkServiceDeps {
  readonly stateDir: string;
  readonly adminSocket: string;
  readonly links: MemberLinks;
  readonly registrar: RegistrarClient;
  readonly resolve: UplinksDeps['resolve'];
  readonly ways: UplinksDeps['ways'];
  readonly openCarrier: UplinksDeps['openCarrier'];
  readonly sshHostName: UplinksDeps['sshHostName'];
  readonly chooseProxy: UplinksDeps['chooseProxy'];
  readonly clash: UplinksDeps['clash'];
  readonly hostName: string;
  readonly watchPath: UplinksDeps['watchPath'];
  /** What members that are managed pass bytes to. */
  readonly dockerSocket: string;
  /** What operators are told. */
  readonly telling: ServiceTelling<UplinkEvent>;
  /** Packets that the rules of that uplink have counted. */
  readonly counters: (device: string) => Promise<NftCounters>;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Resolves when the links of the uplinks that the disk has are there. It never waits for a hub. The
 * links stay when it is closed (U5).
 * @throws PluginError if it cannot start.
 */
export async function runUplinks(deps: UplinkServiceDeps): Promise<{ close(): Promise<void> }> {
  const { stateDir, adminSocket, log, dockerSocket, ...rest } = deps;
  const store = new UplinkFiles(stateDir);
  const records = await store.load();
  const management = openManagement(deps, stateDir, dockerSocket);
  const observed = observeUplinks({ ...deps, store, records });
  const uplinks = new Uplinks({ ...rest, log, management, ...observed.deps });
  const metrics = observed.metrics(() => uplinks.status());
  const tells = deps.telling.tells(metrics);
  const onFailure = (err: unknown): void => log.error({ err }, 'uplink: call failed unexpectedly');
  // The socket first: a second process learns there that it may not run.
  const admin = await serveAdmin(adminSocket, callsOf(uplinks), onFailure, tells);
  await deps.telling.openPort(metrics);
  await uplinks.start(records);
  log.info({ uplinks: records.length }, 'uplink service ready');
  return {
    async close() {
      await admin.close();
      uplinks.close();
      await management.close();
    },
  };
}

const joinBody = v.object({
  token: v.string(),
  device: v.string(),
  via: v.optional(v.string()),
  proxy: v.optional(v.string()),
  manage: v.optional(v.boolean(), false),
});
const manageBody = v.object({ device: v.optional(v.string()), on: v.boolean() });
const deviceBody = v.object({ device: v.optional(v.string()) });

function callsOf(uplinks: Uplinks): AdminCalls {
  return {
    async join(body) {
      const { token, device, via, proxy, manage } = checked(joinBody, body);
      return uplinks.join(token, device, { via, proxy, isManaged: manage });
    },
    async manage(body) {
      const { device, on } = checked(manageBody, body);
      return uplinks.manage(device, on);
    },
    async status() {
      return { uplinks: await uplinks.status() };
    },
    async leave(body) {
      return uplinks.leave(checked(deviceBody, body).device);
    },
    async rotate(body) {
      return uplinks.rotate(checked(deviceBody, body).device);
    },
  };
}

function checked<Output>(schema: v.GenericSchema<unknown, Output>, body: unknown): Output {
  const read = v.safeParse(schema, body);
  if (read.success) return read.output;
  const field = v.getDotPath(read.issues[0]) ?? 'the body';
  throw new PluginError('INVALID_REQUEST', `${field} of the call is missing or wrong`);
}
