/** Serves the status page and answers of the API for a made-up host, as the plugin's port does. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { PageFile } from '../../plugin/web/page-files.ts';
import { answerTo } from '../../plugin/api/operator/routes.ts';
import type { PageSite } from './page-site.ts';

export interface PageServer {
  readonly url: string;
  /** Paths that were asked for. */
  readonly asked: string[];
  close(): Promise<void>;
}

/** @param port of before, after a restart. */
export async function servePage(
  site: PageSite,
  files: ReadonlyMap<string, PageFile>,
  port = 0,
): Promise<PageServer> {
  const sockets = new Set<Socket>();
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    answer(request, response, { site, files }).catch(() => response.destroy());
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { site, files }: { readonly site: PageSite; readonly files: ReadonlyMap<string, PageFile> },
): Promise<void> {
  response.setHeader('Content-Security-Policy', "default-src 'self'; frame-ancestors 'none'");
  response.setHeader('X-Content-Type-Options', 'nosniff');
  const file = files.get(request.url ?? '');
  if (file !== undefined) {
    response.writeHead(200, { 'Content-Type': file.type });
    return void response.end(file.body);
  }
  const plugin = {
    networks: () => site.networks,
    leases: () => site.leases,
    renew: () => undefined,
    release: () => Promise.resolve(),
    probe: () => Promise.resolve([]),
  };
  const told = await answerTo('GET', request.url ?? '', {
    ...{ plugin, bus: site.bus, about: { version: '1.2.3' } },
  });
  if (told.kind === 'json') {
    response.writeHead(told.status, { 'Content-Type': 'application/json' });
    return void response.end(JSON.stringify(told.body));
  }
  if (told.kind !== 'events') return void response.writeHead(404).end();
  response.writeHead(200, { 'Content-Type': 'text/event-stream' });
  const write = (event: { readonly id: number }) =>
    response.write(`id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`);
  site.bus.list().filter(told.wants).forEach(write);
  response.flushHeaders();
  const end = site.bus.subscribe((event) => told.wants(event) && write(event));
  response.once('close', end);
}
