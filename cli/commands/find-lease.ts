/** Finds the lease that a person means. */
import type { AdminClient, LeaseEntry, RecordedEvent } from '../admin-client.ts';
import type { Names } from '../docker.ts';
import { CommandError } from '../errors.ts';

interface Found {
  readonly leases: readonly LeaseEntry[];
  readonly history: readonly RecordedEvent[];
}

/** A container may have a name of this form. The address goes before it. */
const ADDRESS_OR_MAC = /^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:]+)$/i;

/** @param words an address, a MAC, or a container: its name, its id, or its endpoint's id. */
export async function findLease(admin: AdminClient, names: Names, words: string): Promise<Found> {
  if (words === '') throw new CommandError('an empty word is no address, MAC or container');
  const isContainer = !ADDRESS_OR_MAC.test(words) && names.attachmentsOf(words).length > 0;
  if (isContainer) return ofContainer(admin, names, words);
  try {
    return await admin.lease(words);
  } catch (error) {
    if (names.attachmentsOf(words).length === 0) throw error;
    return ofContainer(admin, names, words);
  }
}

async function ofContainer(admin: AdminClient, names: Names, words: string): Promise<Found> {
  const attachments = names.attachmentsOf(words);
  const macs = new Set(attachments.map(({ mac }) => mac));
  const all = await Promise.all([...macs].map((mac) => admin.lease(mac).catch(() => undefined)));
  const found = all.filter((one) => one !== undefined);
  if (found.length === 0) {
    throw new CommandError(`the container ${words} has no lease of vlandhcp`);
  }
  // The same MAC on another VLAN may be another container.
  const ids = new Set(attachments.map(({ container }) => container.id));
  const isOwn = (lease: LeaseEntry) => {
    const id = names.container(lease)?.id;
    return lease.holder !== 'container' || id === undefined || ids.has(id);
  };
  const leases = found.flatMap((one) => one.leases);
  return {
    leases: leases.some(isOwn) ? leases.filter(isOwn) : leases,
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
  const choice = found.map((lease) => `${keyOf(lease)} (${lease.segment})`).join(', ');
  throw new CommandError(`more than one lease is of ${words}; name one of them: ${choice}`);
}

/** What the plugin knows it by, and no other lease. */
export function keyOf({ holder, endpoint, mac }: LeaseEntry): string {
  return holder === 'host' ? mac : endpoint;
}
