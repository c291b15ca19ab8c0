/** What the rules of the hub have counted. The names of counters differ in both of its tables. */
import { readCounters, type NftCounters } from '../../uplink/kernel/nft-counters.ts';
import { hubTableNames } from './guards.ts';

/** @throws PluginError IP_COMMAND_FAILED. */
export async function readHubCounters(device: string): Promise<NftCounters> {
  const found = await Promise.all(hubTableNames(device).map(readCounters));
  return new Map(found.flatMap((counters) => [...counters]));
}
