/**
 * Two connections made into one. The end of input is passed on by itself: `docker exec -i` says so
 * that its input is over, and still waits for output.
 */
import type { Duplex } from 'node:stream';

/** Both must have been made with `allowHalfOpen`. If one breaks off, the other is destroyed. */
export function passBothWays(one: Duplex, other: Duplex): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.pipe(to);
    from.on('error', () => to.destroy());
    from.once('close', () => {
      const isOver = from.readableEnded && from.writableFinished;
      if (!isOver) to.destroy();
    });
  }
}
