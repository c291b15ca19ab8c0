/**
 * The command line against the admin API on a real socket, with a `docker` that answers from a
 * table. What a test changes here is as at the beginning in the next one.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { AdminClient } from '../../../cli/admin-client.ts';
import type { Surroundings } from '../../../cli/commands/surroundings.ts';
import type { RunDocker } from '../../../cli/docker.ts';
import { makeProgram } from '../../../cli/program.ts';
import { serveAdmin, type AdminServer } from '../../../plugin/api/operator/admin-server.ts';
import { EventBus } from '../../../plugin/events/event-bus.ts';
import { FrameWatch, type FrameListener } from '../../../plugin/leasing/frames/frame-watch.ts';
import type { VlanAnswer } from '../../../plugin/leasing/segment/trunk-probe.ts';
import type { LeaseEntry } from '../../../plugin/state/status/lease-list.ts';
import { FakeClock } from '../time/fake-clock.ts';
import { leaseEntry, NETWORK_ID, networkEntry } from '../fakes/lease-entries.ts';
import { MemoryLogger } from '../fakes/memory-logger.ts';

export const NOW = Date.UTC(2026, 10, 28, 3);
export const BOX = leaseEntry();
export const MAIL = leaseEntry({
  ...{ endpoint: 'd'.repeat(64), mac: '02:00:00:00:00:0a', address: undefined, gateway: undefined },
  ...{ state: 'no lease', server: undefined, renewsAt: undefined, expiresAt: undefined },
  lost: { at: '2026-11-28T02:56:00.000Z', cause: 'expired' },
});
export const GONE = leaseEntry({
  ...{ holder: 'nobody', endpoint: 'c'.repeat(64), mac: '02:00:00:00:00:0b', state: 'held' },
  ...{ address: '10.50.0.24/24', heldSince: '2026-11-28T02:50:00.000Z' },
});
const CONTAINERS = {
  ['1'.repeat(64)]: { Name: 'box', EndpointID: BOX.endpoint, MacAddress: BOX.mac },
  ['2'.repeat(64)]: { Name: 'shop-mail-1', EndpointID: MAIL.endpoint, MacAddress: MAIL.mac },
};

const DOCKER: Readonly<Record<string, string>> = {
  'network ls': `${NETWORK_ID}\n`,
  'network inspect': JSON.stringify([{ Id: NETWORK_ID, Name: 'fw500', Containers: CONTAINERS }]),
  'ps -a': `${'2'.repeat(64)}\t"mail"\t""\n`,
  'version --format': '{"Version":"28.5.2","ApiVersion":"1.51","Os":"linux","Arch":"amd64"}',
};
/** A `docker` that answers from the table. */
export const knowing: RunDocker = (...words) =>
  Promise.resolve(DOCKER[words.slice(0, 2).join(' ')]);

export const text = (...lines: string[]) => `${lines.join('\n')}\n`;
export const ofBox = {
  ...{ endpoint: BOX.endpoint, network: NETWORK_ID, segment: BOX.segment, mac: BOX.mac },
};

/** Times are those of the host that runs the test. */
export const masked = (printed = '') => printed.replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, 'TIME');

/** One for the tests of a file, made anew before each of them. */
export function cliSite(): CliSite {
  const site = new CliSite();
  beforeEach(() => site.open());
  afterEach(() => site.close());
  return site;
}

class CliSite {
  folder = '';
  bus!: EventBus;
  leases!: LeaseEntry[];
  found!: readonly VlanAnswer[];
  /** What a renewal does. */
  renewing!: () => void;
  watching!: (listener: FrameListener) => () => void;
  #server: AdminServer | undefined;

  async open(): Promise<void> {
    this.folder = mkdtempSync(join(tmpdir(), 'vlandhcp-cli-'));
    const clock = new FakeClock({ wall: NOW });
    const frames = new FrameWatch(clock);
    this.bus = new EventBus(clock, 100);
    this.watching = (listener) => frames.watch(listener);
    this.leases = [GONE, BOX];
    this.renewing = () => undefined;
    this.found = [];
    this.#server = await serveAdmin(this.path(), {
      ...{ bus: this.bus, log: new MemoryLogger(), about: { version: '0.1.0', settings: {} } },
      metrics: { type: 'text/plain', text: () => Promise.resolve('vlandhcp_x 1\n') },
      operator: () => ({
        networks: () => [networkEntry()],
        leases: () => this.leases,
        renew: () => this.renewing(),
        release: () => Promise.resolve(),
        probe: () => Promise.resolve(this.found),
        watch: (_wanted, listener) => this.watching(listener),
        doctor: () => Promise.resolve([]),
      }),
    });
  }

  async close(): Promise<void> {
    await this.#server?.close();
    rmSync(this.folder, { recursive: true });
  }

  path(): string {
    return join(this.folder, 'admin.sock');
  }

  /** What the command prints, and its exit code. A failure is the text of its error. */
  async type(line: string, parts: Partial<Surroundings> = {}) {
    let [printed, exit] = ['', 0];
    const plain = (text: string) => text;
    const surroundings: Surroundings = {
      write: () => undefined,
      ...{
        admin: new AdminClient(this.path()),
        docker: knowing,
        isTerminal: false,
        now: () => NOW,
      },
      ...{ colors: { red: plain, yellow: plain, dim: plain }, ended: new AbortController().signal },
      ...{
        print: (text: string) => void (printed += `${text}\n`),
        version: '0.1.0',
        kernel: '6.1',
      },
      ...{ socket: this.path(), plugin: 'vlandhcp:stable' },
      ...{ answerWithinMs: 10_000, tell: () => undefined, warn: () => undefined },
      ...parts,
    };
    const program = makeProgram({
      ...{ surroundings: () => surroundings, name: 'docker vlandhcp', version: '0.1.0' },
      exit: (code) => (exit = code),
    });
    for (const command of [program, ...program.commands]) {
      command.exitOverride().configureOutput({ writeOut: surroundings.print, writeErr: plain });
    }
    const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, word]) => quoted ?? word);
    try {
      await program.parseAsync(words as string[], { from: 'user' });
    } catch (error) {
      return { exit: 1, error: (error as Error).message };
    }
    return { exit, printed };
  }
}
