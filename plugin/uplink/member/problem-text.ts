/** Why a join failed, in one sentence: what was seen, and what to do. */
import { PluginError } from '../../vocabulary/errors.ts';
import { isAddress } from './tunnel/hub-addresses.ts';
import type { StreamSeen } from './tunnel/member-stream.ts';
import type { Of } from './states.ts';

/**
 * @param tried the addresses of the hub.
 * @param stream undefined if there is only UDP.
 */
export function problemText(
  state: Of<'FAILED'> | Of<'REVOKED'>,
  tried: readonly string[],
  site: string,
  stream?: StreamSeen,
): PluginError {
  if (state.name === 'REVOKED') {
    return new PluginError(
      'HUB_REFUSED',
      `the hub of "${site}" has revoked this host; ask for a new token there: vlandhcp hub invite NAME`,
    );
  }
  const { problem } = state;
  switch (problem.is) {
    case 'silent':
      if (stream === undefined && !tried.some(isAddress)) {
        return new PluginError(
          'HUB_SILENT',
          `the hub of "${site}" was not asked: no name server here knows ${tried.join(' and ')}; see that this host has a name server, and that the hub's name is right`,
        );
      }
      return new PluginError(
        'HUB_SILENT',
        `the hub of "${site}" does not answer ${waysText(tried, stream)} (${problem.tried} tries, ${Math.round(problem.ms / 1000)} s); see that the hub runs, and that no firewall between here and there stops ${stream === undefined ? 'this port' : 'it'}`,
      );
    case 'unable':
      return new PluginError(
        'HUB_REFUSED',
        `the hub of "${site}" answers, and cannot make this host a member: ${problem.error}; mend that at the hub, then join again with the same token`,
      );
    case 'links':
      return new PluginError('IP_COMMAND_FAILED', `the tunnel cannot be made: ${problem.error}`);
    case 'refused': {
      const { status, error, usedBy, usedAt } = problem;
      const by = usedBy === undefined ? '' : ` by ${usedBy}`;
      const at = usedAt === undefined ? '' : ` at ${new Date(usedAt).toISOString()}`;
      const mend =
        status === 409
          ? '; if that host is not yours, revoke it at the hub; then ask for a new token'
          : '; ask for a new token at the hub: vlandhcp hub invite NAME';
      return new PluginError(
        'HUB_REFUSED',
        `the hub of "${site}" refuses: ${error}${by}${at}${mend}`,
      );
    }
  }
}

function waysText(addresses: readonly string[], stream: StreamSeen | undefined): string {
  const udp = `on UDP ${addresses.join(' and ')}`;
  if (stream === undefined) return udp;
  const { is, words, trouble = 'it is open, but WireGuard does not answer there' } = stream;
  if (is === 'ssh') return `by ssh to ${words} (${trouble})`;
  return `${udp}, and not over TLS on ${words} (${trouble})`;
}
