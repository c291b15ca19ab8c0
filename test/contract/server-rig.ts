/** The API on a real unix socket in its own folder. Its drivers only take notes. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Handlers } from '../../plugin/api/handler.ts';
import { ipamDriverHandlers } from '../../plugin/api/ipam-driver.ts';
import { networkDriverHandlers } from '../../plugin/api/network-driver.ts';
import { serve, type PluginServer } from '../../plugin/api/server.ts';
import { FakeClock } from '../support/time/fake-clock.ts';
import { MemoryLogger } from '../support/fakes/memory-logger.ts';
import { post, type Answer } from '../support/lab/unix-http.ts';
import { RecordedDriver } from './recorded-driver.ts';
import { RecordedIpamDriver } from './recorded-ipam-driver.ts';
import type { RecordedRequest } from './recordings.ts';

export class ServerRig {
  readonly driver = new RecordedDriver();
  readonly ipam = new RecordedIpamDriver();
  readonly log = new MemoryLogger();
  readonly clock = new FakeClock();
  readonly dir: string;
  readonly #servers: PluginServer[] = [];

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async start(extra: Handlers = {}): Promise<ServerRig> {
    const rig = new ServerRig(await mkdtemp(join(tmpdir(), 'vlandhcp-api-')));
    await rig.serve([rig.path], extra);
    return rig;
  }

  get path(): string {
    return join(this.dir, 'vlandhcp.sock');
  }

  async serve(paths: string[], extra: Handlers = {}): Promise<PluginServer> {
    const handlers = {
      ...networkDriverHandlers(this.driver),
      ...ipamDriverHandlers(this.ipam),
      ...extra,
    };
    const server = await serve(paths, handlers, this.log, this.clock);
    this.#servers.push(server);
    return server;
  }

  /** A call with an argument. */
  call(name: string, body: unknown, options: Parameters<typeof post>[3] = {}): Promise<Answer> {
    return post(this.path, `/${name}`, goJson(body), options);
  }

  /** Sends a recorded request again, with its right length. */
  replay({ call, headers, body }: RecordedRequest): Promise<Answer> {
    const given = Object.entries(headers).filter(([name]) => !/^content-length$/i.test(name));
    return post(this.path, `/${call}`, body === '' ? undefined : body, {
      headers: Object.fromEntries(given),
    });
  }

  /**
   * Sends recorded requests again, in their order.
   * @returns those that were not understood, by number and call.
   */
  async refused(requests: readonly RecordedRequest[], errorKey: string): Promise<string[]> {
    const refused: string[] = [];
    for (const [index, request] of requests.entries()) {
      const { status, json } = await this.replay(request);
      if (status === 200 && !Object.hasOwn(json as object, errorKey)) continue;
      refused.push(`${index + 1}: ${request.call}: ${status} ${JSON.stringify(json)}`);
    }
    return refused;
  }

  async stop(): Promise<void> {
    for (const server of this.#servers) await server.close();
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** JSON as Go's encoder writes it: `<`, `>` and `&` are escaped, and a newline is at the end. */
export function goJson(value: unknown): string {
  const escape = (c: string) => `\\u00${c.charCodeAt(0).toString(16)}`;
  return `${JSON.stringify(value).replace(/[<>&]/g, escape)}\n`;
}
