/**
 * Part `operator`: what it costs that operators look. 1,000 endpoints are attached, once with the
 * shortest history and nobody who asks, and once with the usual history, metrics that are read
 * every 15 s, and a status page that follows the events. The counters behind the metrics are always
 * on, so both have them.
 */
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { scaled } from '../options.ts';
import { makeDockerChains, startPlugin } from '../site/driver.ts';
import { OPEN, setFirewall } from '../site/firewall.ts';
import { attachAll, withSite } from '../site/many-endpoints.ts';
import { cpuSecondsOf, memoryOf } from '../site/process.ts';
import { atMost, held, PartReport } from '../figures/result.ts';
import { median } from '../figures/statistics.ts';
import { inTurn, warmed, type Way } from '../figures/turns.ts';

const SIZE = 1000;
const PORT = '127.0.0.1:9325';
const READ_EVERY_MS = 15_000;
const FOLLOWED_AGAIN_MS = 200;
/** As in the part `scale`. */
const SETTLED_AFTER_MS = 15_000;
const IDLE_SEC = 30;

/** The last ones of a plugin have what all before have left. */
const LAST = 500;

export async function operator(): Promise<void> {
  const report = new PartReport({
    part: 'operator',
    where: 'host kernel, private namespaces, state on disk, no Docker',
    method: `${scaled(SIZE)} endpoints of one plugin process, made anew for each round: EVENTS_KEPT=100 and nobody asks, or EVENTS_KEPT=5000, /metrics read every ${READ_EVERY_MS / 1000} s, and one reader of server-sent events`,
  });
  setFirewall(OPEN);
  makeDockerChains();
  try {
    await inTurn(
      [
        measured('alone', { EVENTS_KEPT: '100' }, () => NOBODY),
        measured('watched', { EVENTS_KEPT: '5000', HTTP_LISTEN: PORT }, watch),
      ],
      warmed(3, 0),
      report,
    );
    report.ratio('watched: attach', 'alone: attach', { text: '≤ 1.02', isGood: (x) => x <= 1.02 });
    report.ratio('watched: processor time per attach', 'alone: processor time per attach');
    const [mine, other] = ['watched', 'alone'].map((way) =>
      median(report.samples(`${way}: memory`)),
    );
    const more = (mine ?? NaN) - (other ?? NaN);
    report.fact('watched: memory more than alone', more, 'MB', held(more, atMost(5, ' MB')));
  } finally {
    report.write();
  }
}

function measured(name: string, more: Record<string, string>, look: () => Onlooker): Way {
  return {
    rows: [
      { name: `${name}: attach`, unit: 'ms' },
      { name: `${name}: processor time per attach`, unit: 'ms' },
      { name: `${name}: memory`, unit: 'MB' },
      { name: `${name}: processor at rest`, unit: '%' },
    ],
    run: async () => {
      const figures: number[] = [];
      const size = scaled(SIZE);
      await withSite(size, async ({ env, networks }) => {
        const { plugin } = await startPlugin({ ...env, ...more });
        const onlooker = look();
        try {
          const before = cpuSecondsOf(plugin.pid);
          const { times } = await attachAll(size, networks);
          const spent = ((cpuSecondsOf(plugin.pid) - before) * 1000) / size;
          await delay(SETTLED_AFTER_MS);
          const { pss } = memoryOf(plugin.pid);
          const from = cpuSecondsOf(plugin.pid);
          await delay(IDLE_SEC * 1000);
          const share = ((cpuSecondsOf(plugin.pid) - from) / IDLE_SEC) * 100;
          onlooker.check();
          figures.push(median(times.slice(-LAST)), spent, pss, share);
        } finally {
          onlooker.end();
          await plugin.stop();
        }
      });
      return figures;
    },
  };
}

/** Who looks while a plugin is measured. */
interface Onlooker {
  /** @throws if it has seen nothing: then the row would be of a plugin that nobody watched. */
  check(): void;
  end(): void;
}

const NOBODY: Onlooker = { check: () => undefined, end: () => undefined };

function watch(): Onlooker {
  const open = new Set<{ destroy(): void }>();
  let [events, readings, isOver] = [0, 0, false];
  const ask = (
    path: string,
    headers: Record<string, string>,
    onData: (text: string) => void,
    onGone: () => void,
  ): void => {
    const request = get(`http://${PORT}${path}`, { headers }, (response: IncomingMessage) => {
      response.setEncoding('utf8').on('data', onData);
    });
    request.on('error', () => undefined); // no port yet, or the end of the plugin: `check` judges
    request.on('close', () => {
      open.delete(request);
      onGone();
    });
    open.add(request);
  };
  const follow = (): void => {
    const again = () => void (isOver || setTimeout(follow, FOLLOWED_AGAIN_MS));
    const path = '/v1/events?follow=true';
    const onData = (text: string) => (events += text.split('\ndata: ').length - 1);
    ask(path, { accept: 'text/event-stream' }, onData, again);
  };
  const read = () =>
    ask(
      '/metrics',
      {},
      (text) => (readings += text.includes('\nvlandhcp_leases{') ? 1 : 0),
      () => undefined,
    );
  follow();
  const timer = setInterval(read, READ_EVERY_MS);
  return {
    check: () => {
      if (events < scaled(SIZE) || readings === 0)
        throw new Error(`${events} events were followed, and metrics were read ${readings} times`);
    },
    end: () => {
      isOver = true;
      clearInterval(timer);
      for (const one of open) one.destroy();
    },
  };
}
