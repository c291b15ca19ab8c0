/** Whether a container of `plugin-site.ts` reaches the server, at its address and by its route. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Container } from './plugin-site.ts';

/** One program for each container: in a lab machine each entry of a namespace costs 0.1 s. */
const LOOK = [
  'ip -br addr show dev eth0',
  'ip route show default',
  'ping -c 1 -W 1 10.50.0.1 >/dev/null && echo reached',
].join('; ');

/** `yes`, or what is wrong. */
export async function reaches({ namespace, address }: Container): Promise<string> {
  const look = promisify(execFile)('ip', ['netns', 'exec', namespace.name, 'sh', '-c', LOOK]);
  const seen = await look.then(
    ({ stdout }) => stdout,
    (error: Error & { stdout?: string }) => error.stdout || error.message,
  );
  if (!seen.includes(address)) return `${address} is not in: ${seen.trim()}`;
  if (!seen.includes('default via 10.50.0.1 dev eth0')) {
    return `${address} has no default route in: ${seen.trim()}`;
  }
  return seen.endsWith('reached\n') ? 'yes' : `${address} gets no answer from 10.50.0.1`;
}
