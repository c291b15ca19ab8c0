/**
 * The plugin as a process: bundled from the sources as it ships, started in this process's network
 * namespace, and called over its unix socket as dockerd calls it.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { post } from './unix-http.ts';

const repository = fileURLToPath(new URL('../../..', import.meta.url));

export interface LogEntry {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

type Answer = Readonly<Record<string, unknown>>;

export class PluginProcess {
  readonly folder = mkdtempSync(join(tmpdir(), 'vlandhcp-process-'));
  readonly stateDir = join(this.folder, 'state');
  readonly #socket = join(this.folder, 'vlandhcp.sock');
  readonly #bundle = join(this.folder, 'vlandhcp.cjs');
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #text = '';
  /** The lines of the text so far that are JSON. */
  #entries: LogEntry[] = [];
  #read = 0;

  constructor() {
    mkdirSync(this.stateDir);
    buildSync({
      entryPoints: [join(repository, 'plugin/main.ts')],
      bundle: true,
      platform: 'node',
      format: 'cjs',
      external: ['koffi'],
      define: { VLANDHCP_VERSION: '"test"' },
      outfile: this.#bundle,
      logLevel: 'error',
    });
  }

  /** @param wrap a command that starts it. @returns how many ms it took until it answered. */
  async start(wrap: readonly string[] = [], withinMs = 120_000): Promise<number> {
    const startedAt = performance.now();
    this.launch(wrap);
    for (;;) {
      // A call that waits for recovery, so that its answer is complete.
      const { status } = await this.tryCall('NetworkDriver.DeleteEndpoint', {
        NetworkID: 'none',
        EndpointID: 'none',
      });
      if (status === 200) return Math.round(performance.now() - startedAt);
      if (!this.isAlive) throw new Error(`the plugin ended: ${this.#text}`);
      if (performance.now() - startedAt > withinMs) throw new Error(`no answer: ${this.#text}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Starts it and does not wait. */
  launch(wrap: readonly string[] = []): void {
    const [file = '', ...args] = [...wrap, process.execPath, this.#bundle];
    const env = {
      ...process.env,
      NODE_PATH: join(repository, 'node_modules'),
      STATE_DIR: this.stateDir,
      SOCKET: this.#socket,
      LOG_LEVEL: 'debug',
    };
    this.#text = '';
    this.#entries = [];
    this.#read = 0;
    const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => (this.#text += chunk));
    }
    this.#ended = new Promise((resolve) => child.on('close', () => resolve()));
  }

  get isAlive(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Lines since the start that are JSON. Each is read once, because tests ask again and again. */
  get log(): readonly LogEntry[] {
    const end = this.#text.lastIndexOf('\n') + 1;
    const lines = this.#text.slice(this.#read, end).split('\n');
    this.#read = Math.max(this.#read, end);
    const entries = lines.filter((line) => line.startsWith('{') && line.endsWith('}'));
    this.#entries.push(...entries.map((line) => JSON.parse(line) as LogEntry));
    return this.#entries;
  }

  /** The answer to a call, whatever it says. The status is 0 if there was no connection. */
  async tryCall(call: string, body: object): Promise<{ status: number; answer: Answer }> {
    try {
      const { status, json } = await post(this.#socket, `/${call}`, JSON.stringify(body));
      return { status, answer: json as Answer };
    } catch (error) {
      return { status: 0, answer: { Err: (error as Error).message } };
    }
  }

  /** @throws what the plugin answers as an error. */
  async call(call: string, body: object): Promise<Answer> {
    const { status, answer } = await this.tryCall(call, body);
    if (status !== 200 || typeof answer['Err'] === 'string') {
      throw new Error(`${call}: ${status} ${JSON.stringify(answer)}`);
    }
    return answer;
  }

  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.isAlive) this.#child?.kill(signal);
    await this.#ended;
  }

  async dispose(): Promise<void> {
    await this.end();
    rmSync(this.folder, { recursive: true });
  }
}
