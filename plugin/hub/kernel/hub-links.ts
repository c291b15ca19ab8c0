/** The links of a hub: `vdhub`, its peers, its rules, and the ports of its members (U1, U5, U7). */
import { messageOf, PluginError } from '../../vocabulary/errors.ts';
import { watchBridgeAccept } from '../../net/firewall/firewall.ts';
import { readLink } from '../../net/links/link-info.ts';
import { ensureTables, removeTables } from '../../uplink/kernel/nft-tables.ts';
import { ensureHostMtus } from '../../uplink/kernel/path-routes.ts';
import { ensureWireguard, readWireguard, removeWireguard } from '../../uplink/kernel/wireguard.ts';
import type { HubDesired, HubLinks } from '../desired.ts';
import { hubTableNames, hubTables } from './guards.ts';
import { acceptMembers, attempt, ensurePorts, removePorts, type Failures } from './member-ports.ts';
import { ensureMesh, removeMesh } from './mesh-links.ts';
import { addMembers, changeTunnel, mtusOf, peersOf } from './new-members.ts';

export const hubLinks: HubLinks = {
  ensureTunnel,
  acceptMembers,

  guard: (desired) => ensureTables(hubTables(desired)),

  watchFirewall(device, onChange) {
    // Changes within a table are our own. A flush of all rules removes the table.
    const tables = hubTableNames(device).map(({ name: table }) => ({ table, chains: [] }));
    return watchBridgeAccept(onChange, tables);
  },

  async ensure(desired, made = {}) {
    await ensureTunnel(desired, made.tunnel);
    if (made.ports !== undefined && (await addMembers(made.ports, desired))) return;
    const failures: Failures = [];
    await ensurePorts(desired, failures);
    await attempt(failures, () =>
      ensureMesh(
        desired.device,
        desired.members.some(({ mesh }) => mesh),
      ),
    );
    throwAll(failures);
  },

  async remove(device) {
    const failures: Failures = [];
    await removePorts(failures);
    await attempt(failures, () => removeMesh(device));
    await removeWireguard(device);
    // Last, so that no frame is unguarded.
    await removeTables(hubTableNames(device));
    throwAll(failures);
  },

  async peers(device) {
    if ((await readLink(device)) === undefined) return new Map();
    const { peers } = await readWireguard(device);
    return new Map(
      peers.map(({ publicKey, endpoint, handshakeAt, rxBytes, txBytes }) => [
        publicKey,
        { endpoint, handshakeAt, rxBytes, txBytes },
      ]),
    );
  },
};

/** The rules come first, so that no member is there without them. */
async function ensureTunnel(desired: HubDesired, made?: HubDesired): Promise<void> {
  const { device: name, address, prefixLength, privateKey, listenPort } = desired;
  await ensureTables(hubTables(desired));
  if (made !== undefined && (await changeTunnel(made, desired))) return;
  await ensureWireguard({
    ...{ name, address, prefixLength, privateKey, listenPort },
    peers: peersOf(desired),
  });
  await ensureHostMtus(name, mtusOf(desired));
}

function throwAll(failures: Failures): void {
  if (failures.length === 1 && failures[0] instanceof PluginError) throw failures[0];
  if (failures.length === 0) return;
  const messages = failures.map((one) => messageOf(one));
  const code = failures.find((one) => one instanceof PluginError)?.code ?? 'IP_COMMAND_FAILED';
  throw new PluginError(code, messages.join('; '), { cause: new AggregateError(failures) });
}
