/** `--reserve`: what to paste into the DHCP server, so that containers keep their addresses. */
import type { LeaseEntry } from '../admin-client.ts';
import type { Names } from '../docker.ts';
import { CommandError, EXIT } from '../errors.ts';
import {
  reservationLines,
  reservationOf,
  SERVERS,
  type ServerKind,
} from '../views/reservations.ts';
import type { Exit, Surroundings } from './surroundings.ts';

/** @throws CommandError unless it is one of `SERVERS`. */
export function parseServerKind(text: string): ServerKind {
  const kind = SERVERS.find((one) => one === text);
  if (kind !== undefined) return kind;
  throw new CommandError(`--reserve is for ${SERVERS.join(', ')}, not for ${text}`);
}

/** @param what for the error: whose leases these are. */
export function reserve(
  { print, warn }: Pick<Surroundings, 'print' | 'warn'>,
  leases: readonly LeaseEntry[],
  { kind, names, what }: { kind: ServerKind; names: Names; what: string },
): Exit {
  const found = leases.flatMap((lease) => {
    if (lease.holder === 'host') return [];
    const container = names.container(lease)?.name ?? '';
    const reservation = reservationOf(lease, {
      network: names.network(lease.network, lease),
      container,
    });
    if (reservation === undefined) return [];
    if (lease.identity?.isStable === false) {
      warn(`${container || lease.mac} gets another MAC when it is made again; start it with driver-opt id=NAME, and reserve then`); // prettier-ignore
    }
    return [reservation];
  });
  if (found.length === 0) {
    throw new CommandError(`nothing can be reserved for ${what}: no container of it has an address that a DHCP server leased`); // prettier-ignore
  }
  print(reservationLines(kind, found));
  return EXIT.ok;
}
