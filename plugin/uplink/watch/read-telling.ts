/** Reads what a service of this host tells on its admin socket: a text, or lines as they come. */
import { request, type IncomingMessage } from 'node:http';
import { PluginError } from '../../vocabulary/errors.ts';
import { unreachable } from '../admin-socket.ts';

/** Of a service that refuses: one sentence. */
const LONGEST_REFUSAL = 10_000;

/** Lines of what the service answers. @throws PluginError with what it says. */
export type ReadTelling = (target: string) => AsyncIterable<string>;

/** @param service for the sentence if it does not run: `vlandhcp-hub`. */
export function readTelling(socketPath: string, service: string): ReadTelling {
  return async function* (target) {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const call = request({ socketPath, path: target, agent: false }, resolve);
      call.on('error', (cause) => reject(unreachable(socketPath, service, cause)));
      call.end();
    });
    response.setEncoding('utf8');
    if (response.statusCode !== 200) throw await refusal(response, service);
    let rest = '';
    try {
      for await (const chunk of response) {
        const lines = `${rest}${chunk as string}`.split('\n');
        rest = lines.pop() ?? '';
        yield* lines;
      }
    } catch (cause) {
      const text = `${service} has ended in the middle of its answer; type the command again`;
      throw new PluginError('SOCKET_FAILED', text, { cause });
    }
    if (rest !== '') yield rest;
  };
}

async function refusal(response: IncomingMessage, service: string): Promise<PluginError> {
  let text = '';
  for await (const chunk of response) {
    text += chunk as string;
    if (text.length > LONGEST_REFUSAL) break;
  }
  const said = errorOf(text) ?? `${service} answered ${response.statusCode ?? 'nothing'}`;
  return new PluginError('INVALID_REQUEST', said);
}

function errorOf(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    return typeof error === 'string' ? error : undefined;
  } catch {
    return undefined;
  }
}
