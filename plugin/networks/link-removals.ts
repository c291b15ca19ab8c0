/**
 * Makes sure that a container's link is removed, also if the kernel could not be asked at the time.
 * A process without file descriptors can neither do something nor undo it, and Docker never repeats
 * a delete.
 */
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { Ms } from '../vocabulary/time.ts';
import { ownEnd } from '../vocabulary/attachment.ts';
import type { Host } from '../host.ts';
import { LinkTries } from './link-tries.ts';

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
  /** By our end. */
  const tries = new LinkTries(clock);
  const tryAgain = (end: string, wait: Ms): void => {
    const again = (): void => {
      host.removeEndpointLink(end).then(
        () => log.info({ link: end }, 'link removed; an earlier try had failed'),
        () => tryAgain(end, Math.min(2 * wait, LONGEST_WAIT)),
      );
    };
    tries.later(end, again, wait);
  };
  return {
    ensureEndpointLink(spec) {
      tries.cancel(ownEnd(spec));
      return host.ensureEndpointLink(spec);
    },
    async removeEndpointLink(end) {
      tries.cancel(end);
      try {
        await host.removeEndpointLink(end);
      } catch (error) {
        tryAgain(end, FIRST_WAIT);
        throw error;
      }
    },
    close: () => tries.close(),
  };
}
