/** `vlandhcp hub tls` and `vlandhcp hub relay`: the ways to a hub beside UDP. */
import type { Command } from 'commander';
import type { Terminal } from '../../uplink/cli/words.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import type { HubRecord } from '../hub-records.ts';
import type { TlsWanted } from './tls-wanted.ts';

export interface StreamCommands {
  readonly terminal: Terminal;
  readonly setTls: (wanted: TlsWanted | undefined) => Promise<HubRecord>;
  /** Passes WireGuard between the pipes of this process and that UDP port, until one ends. */
  readonly relay: (port: number) => Promise<void>;
}

export const TLS_HELP =
  'members may come over TLS, too, to this TCP port; 443 passes most firewalls';
export const TLS_URL_HELP =
  'what members dial for it, if it is not the first endpoint: a reverse proxy, such as wss://www.example.net/vlandhcp';

export function addStreamCommands(hub: Command, { terminal, setTls, relay }: StreamCommands): void {
  const { print } = terminal;
  hub
    .command('tls')
    .description('Let members come over TLS where UDP is blocked, or stop it')
    .argument('<PORT>', 'the TCP port, such as 443; off: UDP alone')
    .option('--tls-url <URL>', TLS_URL_HELP)
    .action(async (port: string, { tlsUrl: url }: { tlsUrl?: string }) => {
      const { tls } = await setTls(port === 'off' ? undefined : { port, url });
      const now = tls ? `TCP port ${tls.port}, members dial ${tls.url}` : 'UDP alone';
      print(`the hub has ${now}
make it so: systemctl restart vlandhcp-hub   (members over UDP lose no frame)`);
    });
  hub
    .command('relay')
    .description(
      'Pass WireGuard from ssh to the hub: the forced command of a key, restrict,command="vlandhcp hub relay"',
    )
    .option('--port <PORT>', 'the UDP port of the hub', '51820')
    .action(async ({ port: typed }: { port: string }) => {
      const port = Number(typed);
      if (!(Number.isInteger(port) && port >= 1 && port <= 65_535)) {
        throw new PluginError('INVALID_OPTION', '--port takes a UDP port from 1 to 65535');
      }
      await relay(port);
    });
}
