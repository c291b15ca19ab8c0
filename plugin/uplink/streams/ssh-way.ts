/** What a person types after `--via`, `ssh://user@hub:22?jump=a,b`, in words for `ssh` (pure). */
import { PluginError } from '../../vocabulary/errors.ts';

/** No `-` in front: `ssh` would take it for an option. No blank and no sign of a shell. */
const USER = '[A-Za-z0-9_][A-Za-z0-9._-]{0,63}';
const HOST = '(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,252}|\\[[0-9A-Fa-f:.]{2,45}\\])';
const PLACE = new RegExp(`^(?:(${USER})@)?(${HOST})(?::(\\d{1,5}))?$`);
const MOST_JUMPS = 8;

/** Its forced command at the hub. Without one the hub is asked for it by name. */
const RELAY = 'vlandhcp hub relay';

const EXAMPLE = 'write it as ssh://USER@HUB, with ?jump=A,B for hosts on the way';

/** True if `sshArguments` can be made of it. */
export function isSshWay(typed: string): boolean {
  return partsOf(typed) !== undefined;
}

/** @throws PluginError INVALID_OPTION with one sentence. */
export function checkSshWay(typed: string): void {
  if (isSshWay(typed)) return;
  throw new PluginError('INVALID_OPTION', `--via ${typed.slice(0, 100)} is no way; ${EXAMPLE}`);
}

/**
 * BatchMode: nobody can type a password here. Which host keys are trusted is up to the settings of
 * the user, as always with `ssh`.
 */
export function sshArguments(typed: string): readonly string[] {
  const { user, host, port, jumps } = partsOf(typed) ?? { host: '', jumps: [] };
  const options = ['BatchMode=yes', 'ConnectTimeout=15', 'ServerAliveInterval=5'];
  return [
    '-T',
    ...options.flatMap((option) => ['-o', option]),
    ...(jumps.length === 0 ? [] : ['-J', jumps.join(',')]),
    ...(port === undefined ? [] : ['-p', port]),
    ...(user === undefined ? [] : ['-l', user]),
    ...['--', host.replace(/^\[|\]$/g, ''), RELAY],
  ];
}

/** `user@hub by a, b`, to show. */
export function sshWords(typed: string): string {
  const { user, host = '', port, jumps = [] } = partsOf(typed) ?? {};
  const at = `${user === undefined ? '' : `${user}@`}${host}${port === undefined ? '' : `:${port}`}`;
  return jumps.length === 0 ? at : `${at} by ${jumps.join(', ')}`;
}

/** The host that `ssh` dials first: the first jump, or the hub. Without brackets. */
export function firstSshHost(typed: string): { readonly host: string; readonly port: number } {
  const { host = '', port, jumps: [jump] = [] } = partsOf(typed) ?? {};
  const [, , jumpHost = host, jumpPort] = PLACE.exec(jump ?? '') ?? [];
  const [first, dialled = 22] = jump === undefined ? [host, port] : [jumpHost, jumpPort];
  return { host: first.replace(/^\[|\]$/g, ''), port: Number(dialled) };
}

interface Parts {
  readonly user?: string | undefined;
  readonly host: string;
  readonly port?: string | undefined;
  readonly jumps: readonly string[];
}

function partsOf(typed: string): Parts | undefined {
  const [, place = '', jump] = /^ssh:\/\/([^?/\s]+)\/?(?:\?jump=([^&\s]+))?$/.exec(typed) ?? [];
  const [, user, host, port] = PLACE.exec(place) ?? [];
  const jumps = jump === undefined ? [] : jump.split(',');
  if (host === undefined || jumps.length > MOST_JUMPS) return undefined;
  const ports = [port, ...jumps.map((one) => PLACE.exec(one)?.[3])];
  const isRight =
    jumps.every((one) => PLACE.test(one)) &&
    ports.every((one) => one === undefined || (Number(one) >= 1 && Number(one) <= 65_535));
  return isRight ? { user, host, port, jumps } : undefined;
}
