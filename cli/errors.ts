/** A failure that is told in one sentence, and the exit codes of all commands. */

export const EXIT = {
  /** All leases are there. */
  ok: 0,
  /** The command failed. */
  failed: 1,
  /** The command worked, and a container or the host is without a lease. */
  lost: 2,
} as const;

export class CommandError extends Error {
  override readonly name = 'CommandError';
}
