/** HTTP over a unix socket exactly as dockerd sends it. */
import type { Agent } from 'node:http';
import { request, type IncomingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Throws if the text is not JSON. */
  readonly json: unknown;
}

/** libnetwork.md §1: these headers and no others; above all no Content-Type. */
export const DOCKERD_HEADERS = {
  Host: 'plugin.moby.localhost',
  Accept: 'application/vnd.docker.plugins.v1.2+json',
  'User-Agent': 'Go-http-client/1.1',
};

/** One call. @param body undefined: no body, `Content-Length: 0`. */
export function post(
  socketPath: string,
  path: string,
  body?: string | Buffer,
  options: {
    agent?: Agent;
    headers?: Record<string, string>;
    method?: string;
    signal?: AbortSignal;
  } = {},
): Promise<Answer> {
  const { agent, headers, method = 'POST', signal } = options;
  return new Promise((resolve, reject) => {
    const length = body === undefined ? 0 : Buffer.byteLength(body);
    const call = request({
      socketPath,
      path,
      method,
      agent: agent ?? false,
      ...(signal === undefined ? {} : { signal }),
      headers: { ...DOCKERD_HEADERS, 'Content-Length': String(length), ...headers },
    });
    call.on('error', reject);
    call.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          get json(): unknown {
            return JSON.parse(text) as unknown;
          },
        });
      });
    });
    call.end(body);
  });
}

/** A connection on which a test writes bytes itself. */
export function dial(socketPath: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}
