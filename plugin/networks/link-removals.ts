/**
 * Makes sure that a container's link is removed, also if the kernel could not be asked at the time.
 * A process without file descriptors can neither do something nor undo it, and Docker never repeats
 * a delete.
 */
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { Ms } from '../vocabulary/time.ts';
import type { Host } from '../host.ts';

const FIRST_WAIT: Ms = 500;
const LONGEST_WAIT: Ms = 60_000;

type LinkCalls = Pick<Host, 'ensureEndpointLink' | 'removeEndpointLink'>;

/**
 * Returns the same calls. If a removal fails, the caller gets the error, and the removal is tried
 * again until it succeeds.
 */
export function withLastingRemovals(
  host: LinkCalls,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): LinkCalls & { close(): void } {
  /** The function that cancels the next try, by host end. Bounded by the number of links. */
  const due = new Map<string, () => void>();
  const cancel = (hostEnd: string): void => {
    due.get(hostEnd)?.();
    due.delete(hostEnd);
  };
  const tryAgain = (hostEnd: string, wait: Ms): void => {
    const again = (): void => {
      due.delete(hostEnd);
      host.removeEndpointLink(hostEnd).then(
        () => log.info({ link: hostEnd }, 'link removed; an earlier try had failed'),
        () => tryAgain(hostEnd, Math.min(2 * wait, LONGEST_WAIT)),
      );
    };
    due.set(hostEnd, clock.at(clock.now() + wait, again));
  };
  return {
    ensureEndpointLink(spec) {
      cancel(spec.hostEnd);
      return host.ensureEndpointLink(spec);
    },
    async removeEndpointLink(hostEnd) {
      cancel(hostEnd);
      try {
        await host.removeEndpointLink(hostEnd);
      } catch (error) {
        tryAgain(hostEnd, FIRST_WAIT);
        throw error;
      }
    },
    close() {
      for (const hostEnd of [...due.keys()]) cancel(hostEnd);
    },
  };
}
