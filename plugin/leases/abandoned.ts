/**
 * Containers that went without a word: dockerd was killed, and a new one clears sandboxes away without telling
 * drivers that it has not loaded yet. Our own socket then is all that keeps the dead sandbox, the veth and the
 * lease alive.
 */
import type { Clock } from '../clock.ts';
import type { FollowTarget } from '../leasing/lease-service.ts';
import type { Logger } from '../logger.ts';
import type { Ms } from '../time.ts';
import { runEach } from '../undo.ts';

/** The kernel takes a moment to destroy a namespace and the links in it. */
const DESTROYED_WITHIN: Ms = 1_500;
const LOOK_EVERY: Ms = 20;
const SWEEP_EVERY: Ms = 60_000;

export interface SandboxWitness {
  readonly clock: Clock;
  readonly host: {
    linkExists(name: string): boolean;
    namespaceAt(path: string): string | undefined;
  };
  readonly leases: { unfollow(key: string): void; follow(key: string, target: FollowTarget): void };
}

/**
 * True if no container has the endpoint's link any more. Where the sandbox cannot be seen our socket lets go of
 * it for a moment: a link that goes with it was held by nobody else.
 * @param namespace the sandbox's when our socket entered it: a starting dockerd may put an empty one in its place.
 */
export async function isAbandoned(
  { clock, host, leases }: SandboxWitness,
  endpointId: string,
  target: FollowTarget,
  namespace: string | undefined,
): Promise<boolean> {
  if (!host.linkExists(target.hostEnd)) return true;
  if (namespace !== undefined && host.namespaceAt(target.netnsPath) === namespace) return false;
  leases.unfollow(endpointId);
  const by = clock.now() + DESTROYED_WITHIN;
  while (host.linkExists(target.hostEnd)) {
    if (clock.now() >= by) {
      leases.follow(endpointId, target);
      return false;
    }
    await new Promise<void>((resolve) => void clock.at(clock.now() + LOOK_EVERY, resolve));
  }
  return true;
}

/** Looks after all that containers have once a minute. @returns how to stop. */
export function sweepAbandoned(deps: {
  readonly clock: Clock;
  readonly log: Logger;
  readonly looked: readonly { clearAbandoned(): Promise<void> }[];
}): () => void {
  const { clock, log, looked } = deps;
  let cancel = () => {};
  let isStopped = false;
  const schedule = (): void => {
    cancel = clock.at(clock.now() + SWEEP_EVERY, () => {
      const swept = runEach(...looked.map((all) => () => all.clearAbandoned())).catch(
        (err: unknown) => log.error({ err }, 'what has no container any more not cleared'),
      );
      void swept.then(() => {
        if (!isStopped) schedule();
      });
    });
  };
  schedule();
  return () => {
    isStopped = true;
    cancel();
  };
}
