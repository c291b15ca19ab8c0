/** The plugin's own HTTP port, on loopback, with the status page and a made-up host. */
import { createServer, type AddressInfo } from 'node:net';
import { serveWeb } from '../../../plugin/api/web/web-server.ts';
import { PAGE_FILES, type PageFile } from '../../../plugin/web/page-files.ts';
import { MemoryLogger } from '../fakes/memory-logger.ts';
import type { PageSite } from './page-site.ts';

export interface PageServer {
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** Puts the page into the plugin, as scripts/bundle.mjs does while it bundles. */
export function putIn(files: Readonly<Record<string, PageFile>>): void {
  const known = PAGE_FILES as Map<string, PageFile>;
  for (const [path, file] of Object.entries(files)) known.set(path, file);
}

/** @param port of before, after a restart. */
export async function servePage(site: PageSite, port?: number): Promise<PageServer> {
  const own = port ?? (await freePort());
  const operator = {
    networks: () => site.networks,
    leases: () => site.leases,
    renew: () => undefined,
    release: () => Promise.resolve(),
    probe: () => Promise.resolve([]),
    watch: () => () => undefined,
    doctor: () => Promise.resolve([]),
  };
  const server = await serveWeb(`127.0.0.1:${own}`, undefined, {
    ...{ bus: site.bus, log: new MemoryLogger(), about: { version: '1.2.3' } },
    operator: () => operator,
    metrics: { type: 'text/plain', text: () => Promise.resolve('') },
  });
  return { url: `http://127.0.0.1:${own}`, close: () => server.close() };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
