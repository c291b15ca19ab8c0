/**
 * Lets the hub pass on what members of the mesh send to each other (U15). The guards decide what
 * that is. Here are the two things that would stop all of it: a host that is no router, and Docker,
 * whose chain FORWARD drops what no rule accepts.
 */
import { ensureBridgeAccept, removeBridgeAccept } from '../../net/firewall/firewall.ts';
import { readSetting, writeSetting } from '../../net/sysctl.ts';
import { PluginError } from '../../vocabulary/errors.ts';

/** Links whose rule was looked for and removed by this process, which is a process of iptables. */
const withoutRule = new Set<string>();

const settingOf = (link: string) => `ipv4/conf/${link}/forwarding`;

/** Does nothing if it is so already. @throws PluginError IP_COMMAND_FAILED. */
export async function ensureMesh(device: string, isWanted: boolean): Promise<void> {
  if (isWanted) {
    withoutRule.delete(device);
    set(device, '1');
    await ensureBridgeAccept([device]);
    return;
  }
  // A host that is a router for others, as Docker makes it, has it on for every link.
  if (isOn(device) && !isOn('default')) set(device, '0');
  if (withoutRule.has(device)) return;
  await removeBridgeAccept(device);
  withoutRule.add(device);
}

/** To be called while the link is there. Its setting goes with it. */
export async function removeMesh(device: string): Promise<void> {
  if (isOn(device)) await removeBridgeAccept(device);
}

function isOn(link: string): boolean {
  return readSetting(settingOf(link)) === '1';
}

function set(device: string, value: '0' | '1'): void {
  if (readSetting(settingOf(device)) === value) return;
  const reason = writeSetting(settingOf(device), value);
  if (reason === undefined) return;
  throw new PluginError(
    'IP_COMMAND_FAILED',
    `members of the mesh do not reach each other: ${settingOf(device)} is not ${value} and could not be set: ${reason}`,
  );
}
