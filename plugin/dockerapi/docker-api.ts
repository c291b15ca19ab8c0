/**
 * Asks dockerd over its own socket, which a person may give to the plugin. Nothing here runs in a
 * call of Docker's: dockerd may wait for us while we ask it (D4).
 */
import { statSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';

export interface DockerApi {
  /** @throws Error if the daemon does not answer in time, or refuses. */
  readonly get: (path: string) => Promise<unknown>;
  /** @throws Error if the daemon does not answer in time, or refuses. */
  readonly post: (path: string) => Promise<void>;
  /**
   * Hears one JSON object per line until the stream ends. `onEnd` is called once, also if the
   * stream could not be opened. It is not called after `close`.
   */
  readonly follow: (path: string, handlers: StreamHandlers) => { close(): void };
}

export interface StreamHandlers {
  readonly onOpen: () => void;
  readonly onObject: (object: unknown) => void;
  readonly onEnd: (error: Error) => void;
}

const ANSWER_WITHIN_MS = 10_000;
/** A container is given 10 s to stop, or what its user chose. */
const DONE_WITHIN_MS = 300_000;
/** A network with a thousand containers is described in some 300 kB. */
const LARGEST_ANSWER = 8 * 1024 * 1024;
const LONGEST_LINE = 64 * 1024;

/** @returns undefined if the path is /dev/null, which stands in for a socket that nobody gave. */
export function openDockerApi(
  socketPath: string,
  answerWithin = ANSWER_WITHIN_MS,
): DockerApi | undefined {
  if (statSync(socketPath, { throwIfNoEntry: false })?.isCharacterDevice() === true) {
    return undefined;
  }
  const ask = async (method: 'GET' | 'POST', path: string): Promise<string> => {
    const signal = AbortSignal.timeout(method === 'GET' ? answerWithin : DONE_WITHIN_MS);
    const response = await open(socketPath, method, path, signal);
    const text = await textOf(response);
    if (!isGood(response)) throw refusal(method, path, response, text);
    return text;
  };
  return {
    get: async (path) => JSON.parse(await ask('GET', path)) as unknown,
    post: async (path) => void (await ask('POST', path)),
    follow(path, { onOpen, onObject, onEnd }) {
      const closing = new AbortController();
      const run = async (): Promise<never> => {
        // dockerd sends the head of a stream at once. Only the stream itself may be silent.
        const late = new AbortController();
        const timer = setTimeout(() => late.abort(), answerWithin);
        const signal = AbortSignal.any([closing.signal, late.signal]);
        const response = await open(socketPath, 'GET', path, signal).finally(() =>
          clearTimeout(timer),
        );
        if (!isGood(response)) throw refusal('GET', path, response, await textOf(response));
        onOpen();
        response.setEncoding('utf8');
        let rest = '';
        for await (const part of response) {
          const lines = (rest + String(part)).split('\n');
          rest = lines.pop() ?? '';
          if (rest.length > LONGEST_LINE) throw new Error(`${path} sent a line without an end`);
          for (const line of lines) if (line.trim() !== '') onObject(JSON.parse(line));
        }
        throw new Error(`${path} ended`);
      };
      run().catch((error: unknown) => {
        if (!closing.signal.aborted) onEnd(error instanceof Error ? error : new Error('unknown'));
      });
      return { close: () => closing.abort() };
    },
  };
}

function open(
  socketPath: string,
  method: string,
  path: string,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { Host: 'docker' };
    request({ socketPath, method, path, signal, headers, agent: false }, resolve)
      .on('error', reject)
      .end();
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  response.setEncoding('utf8');
  let text = '';
  for await (const part of response) {
    text += String(part);
    if (text.length > LARGEST_ANSWER) throw new Error('the daemon sent too long an answer');
  }
  return text;
}

function isGood({ statusCode = 0 }: IncomingMessage): boolean {
  return statusCode >= 200 && statusCode < 300;
}

function refusal(method: string, path: string, { statusCode }: IncomingMessage, text: string) {
  return new Error(`${method} ${path}: ${statusCode} ${text.slice(0, 200).trim()}`);
}
