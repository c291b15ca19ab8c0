/**
 * Waits until the machine is at rest before a measurement, and notices if it stood still during
 * one. The host of a virtual machine may pause it for half a minute. Such a run is measured again,
 * and its timeouts do not count.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const LOOK_EVERY_MS = 100;
/** Behind 100 starting containers this process may wait for a second, but not for three. */
const STANDSTILL_MS = 3000;
const MOST_REPEATS = 3;
const AT_REST = { idle: 0.9, forMs: 500, withinMs: 30_000 };

/**
 * Returns the result of `run`. Repeats `run` if the machine stood still meanwhile, and says so on
 * stderr. If the program under test blocks itself, this is no standstill: this process would have
 * gone on.
 */
export async function awake<Result>(title: string, run: () => Promise<Result>): Promise<Result> {
  for (let repeats = 0; ; repeats += 1) {
    const watch = watchForStandstill();
    const result = await run().finally(() => watch.end());
    const longest = watch.longestMs();
    if (longest < STANDSTILL_MS) return result;
    const what = repeats === MOST_REPEATS ? 'counted all the same' : 'run again';
    const seconds = (longest / 1000).toFixed(1);
    process.stderr.write(`${title}: ${what}, the machine stood still for ${seconds} s\n`);
    if (repeats === MOST_REPEATS) return result;
  }
}

function watchForStandstill(): { end(): void; longestMs(): number } {
  let [last, longest] = [performance.now(), 0];
  const look = (): void => {
    const now = performance.now();
    longest = Math.max(longest, now - last - LOOK_EVERY_MS);
    last = now;
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  return {
    end: () => {
      look();
      clearInterval(timer);
    },
    longestMs: () => longest,
  };
}

/** Waits until the kernel has cleaned up after earlier work. Waits for at most half a minute. */
export async function atRest(): Promise<void> {
  const giveUpAt = performance.now() + AT_REST.withinMs;
  do {
    const before = processorTime();
    await delay(AT_REST.forMs);
    const after = processorTime();
    const idle = (after.idle - before.idle) / Math.max(1, after.total - before.total);
    if (idle >= AT_REST.idle) return;
  } while (performance.now() < giveUpAt);
  process.stderr.write('the machine does not come to rest\n');
}

/** The time of all cores, in ticks since the start: proc(5). */
function processorTime(): { idle: number; total: number } {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  const ticks = line.split(/\s+/).slice(1, 9).map(Number);
  const [, , , idle = 0, waiting = 0] = ticks;
  return { idle: idle + waiting, total: ticks.reduce((sum, value) => sum + value, 0) };
}
