/**
 * Sees to it that a container's link goes, also where the kernel could not be asked at the time: a process without
 * descriptors fails the undoing as it failed the doing, and Docker never repeats a delete.
 */
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { Ms } from '../vocabulary/time.ts';
import type { Host } from '../host.ts';

const FIRST_WAIT: Ms = 500;
const LONGEST_WAIT: Ms = 60_000;

type LinkCalls = Pick<Host, 'ensureEndpointLink' | 'removeEndpointLink'>;

/** The same calls; a removal that fails is told to the caller and tried again until it succeeds. */
export function withLastingRemovals(
  host: LinkCalls,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): LinkCalls & { close(): void } {
  /** How to cancel, by host end. Bounded by the links that there are. */
  const due = new Map<string, () => void>();
  const cancel = (hostEnd: string): void => {
    due.get(hostEnd)?.();
    due.delete(hostEnd);
  };
  const tryAgain = (hostEnd: string, wait: Ms): void => {
    const again = (): void => {
      due.delete(hostEnd);
      host.removeEndpointLink(hostEnd).then(
        () => log.info({ link: hostEnd }, 'link removed that could not be before'),
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
