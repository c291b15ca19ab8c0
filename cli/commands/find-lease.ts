/** Finds the lease that a person means. */
import type { AdminClient, LeaseEntry, RecordedEvent } from '../admin-client.ts';
import type { Names } from '../docker.ts';
import { CommandError } from '../errors.ts';

/** @param words an address, a MAC, or a container: its name, its id, or its endpoint's id. */
export async function findLease(
  admin: AdminClient,
  names: Names,
  words: string,
): Promise<{ leases: readonly LeaseEntry[]; history: readonly RecordedEvent[] }> {
  const macs = names.macsOf(words);
  if (macs.length === 0) return admin.lease(words);
  const all = await Promise.all(macs.map((mac) => admin.lease(mac).catch(() => undefined)));
  const found = all.filter((one) => one !== undefined);
  if (found.length === 0) {
    throw new CommandError(`the container ${words} has no lease of vlandhcp`);
  }
  return {
    leases: found.flatMap((one) => one.leases),
    history: found.flatMap((one) => one.history),
  };
}

export async function oneLease(
  admin: AdminClient,
  names: Names,
  words: string,
): Promise<LeaseEntry> {
  const { leases: found } = await findLease(admin, names, words);
  const [first, ...others] = found;
  if (first === undefined) throw new CommandError(`nobody has ${words} now`);
  if (others.length === 0) return first;
  const macs = found.map(({ mac }) => mac).join(', ');
  throw new CommandError(`more than one lease is of ${words}; name one by its MAC: ${macs}`);
}
