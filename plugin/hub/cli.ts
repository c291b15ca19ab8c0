/** `vlandhcp hub …`: the commands of the host beside the trunk. */
import type { Command } from 'commander';
import { ago, clockTime, columns, parseDuration, vlanWords } from '../uplink/cli/words.ts';
import { PluginError } from '../vocabulary/errors.ts';
import { addContextCommand, type ContextCommands } from './authority/context-command.ts';
import type { HubEntry } from './hub-calls.ts';
import type { InitWanted } from './hub-init.ts';
import type { HubRecord } from './hub-records.ts';
import {
  addStreamCommands,
  TLS_HELP,
  TLS_URL_HELP,
  type StreamCommands,
} from './streams/stream-commands.ts';

export interface HubCommands extends ContextCommands, StreamCommands {
  /** Asks the service of this host. @throws PluginError. */
  readonly ask: (call: string, body: object) => Promise<unknown>;
  /** Runs the service until it is stopped. */
  readonly run: () => Promise<void>;
  readonly init: (wanted: InitWanted) => Promise<HubRecord>;
}

const NAME = 'the name that the invitation gave it';

export function addHubCommands(hub: Command, commands: HubCommands): void {
  const { terminal, ask, run, init } = commands;
  const { print } = terminal;
  hub
    .command('init')
    .description('Make this host the hub of its site; written once, then start the service')
    .requiredOption('--site <NAME>', 'a short name of the site, such as hq')
    .requiredOption('--trunk <LINK>', 'the link that is plugged into the trunk, such as eth1')
    .requiredOption(
      '--endpoint <HOST>',
      'where members reach this host: a name or an address, with :PORT if another port leads here; may be given several times',
      (one: string, before: string[] = []) => [...before, one],
    )
    .option('--listen <PORT>', 'the UDP port to listen on', '51820')
    .option('--subnet <NETWORK>', 'the /24 of the tunnel; by default one is derived from the key')
    .option('--tls <PORT>', TLS_HELP)
    .option('--tls-url <URL>', TLS_URL_HELP)
    .action(async (typed: Typed) => {
      const { site, trunk, endpoint, listen, subnet, tls: port, tlsUrl: url } = typed;
      if (port === undefined && url !== undefined) {
        throw new PluginError(
          'INVALID_OPTION',
          '--tls-url is of use with --tls only; name the port',
        );
      }
      const tls = port === undefined ? undefined : { port, url };
      const wanted = { site, trunk, endpoints: endpoint, listenPort: Number(listen), subnet, tls };
      const made = await init(wanted);
      const dialled = [...made.endpoints, ...(made.tls ? [made.tls.url] : [])];
      const ports = `UDP ${made.listenPort}${made.tls ? ` and TCP ${made.tls.port}` : ''}`;
      print(
        `hub of "${made.site}": trunk ${made.trunk}, UDP port ${made.listenPort}, tunnel network ${made.subnet}/24, members dial ${dialled.join(' or ')}
start it: systemctl enable --now vlandhcp-hub   (the firewall must let ${ports} in)`,
      );
    });
  hub
    .command('invite')
    .description('Make a one-time token for a host')
    .argument('<NAME>', 'a name for that host, such as laptop')
    .requiredOption('--vlans <LIST>', 'the VLANs that it may use, such as 500,600-610')
    .option('--mesh', 'it and other such hosts reach each other in the tunnel, as a Swarm needs it')
    .option('--approve', 'it waits for hub approve after its join')
    .option('--expires <TIME>', 'how long the token is valid, 1m to 24h', '1h')
    .action(async (name: string, typed: Invited) => {
      const { vlans, mesh, approve, expires } = typed;
      const body = { name, vlans, mesh, approve, expiresMs: parseDuration(expires) };
      const made = (await ask('invite', body)) as Invitation;
      const until = clockTime(made.expiresAt, terminal.now());
      print(
        `One-time token for "${made.name}", VLANs ${vlanWords(made.vlans)}${made.mesh === true ? ', in the mesh' : ''}, valid until ${until}. On that host, as root:
  vlandhcp uplink join          (then paste the token; it is not shown and not kept in the shell's history)
${made.token}`,
      );
    });
  hub
    .command('list')
    .description('List members and open invitations')
    .option('--json', 'print JSON, for programs')
    .action(async ({ json }: { json?: true }) => {
      const { members } = (await ask('list', {})) as { members: readonly HubEntry[] };
      if (json === true) return print(JSON.stringify(members, null, 2));
      if (members.length === 0)
        return print('no members; invite one: vlandhcp hub invite NAME --vlans 500');
      print(columns([HEADINGS, ...members.map((entry) => listRow(entry, terminal.now()))]));
    });
  hub
    .command('vlans')
    .description('Set the VLANs that a member may use, at once')
    .argument('<NAME>', NAME)
    .argument('<LIST>', 'the whole list, such as 500,600-610')
    .action(async (name: string, vlans: string) => {
      const changed = (await ask('vlans', { name, vlans })) as Changed;
      print(`${changed.name} may use VLANs ${vlanWords(changed.vlans)}`);
    });
  hub
    .command('revoke')
    .description('End a member at once, or withdraw an invitation')
    .argument('<NAME>', NAME)
    .action(async (name: string) => {
      const { was } = (await ask('revoke', { name })) as { was: string };
      print(
        was === 'member'
          ? `${name} is no member any more`
          : `the invitation of ${name} is withdrawn`,
      );
    });
  hub
    .command('approve')
    .description('Let a member in that was invited with --approve')
    .argument('<NAME>', NAME)
    .action(async (name: string) => {
      const { vlans, fingerprint } = (await ask('approve', { name })) as Changed;
      print(`${name} is a member, with VLANs ${vlanWords(vlans)} and the key ${fingerprint}`);
    });
  addContextCommand(hub, commands);
  hub
    .command('run')
    .description('Run the service of the hub (vlandhcp-hub.service does it)')
    .action(run);
  addStreamCommands(hub, commands);
}

interface Typed {
  readonly site: string;
  readonly trunk: string;
  readonly endpoint: readonly string[];
  readonly listen: string;
  readonly subnet?: string;
  readonly tls?: string;
  readonly tlsUrl?: string;
}

interface Invited {
  readonly vlans: string;
  readonly mesh?: true;
  readonly approve?: true;
  readonly expires: string;
}

interface Invitation {
  readonly name: string;
  readonly vlans: readonly number[];
  readonly mesh?: boolean;
  readonly expiresAt: number;
  readonly token: string;
}

interface Changed {
  readonly name: string;
  readonly vlans: readonly number[];
  readonly fingerprint: string;
}

const HEADINGS = ['NAME', 'STATE', 'ADDRESS', 'VLANS', 'HOST', 'SEEN', 'FROM', 'KEY'];

function listRow(entry: HubEntry, now: number): string[] {
  const { name, mesh, address, vlans, host, handshakeAt, expiresAt } = entry;
  const { endpoint, fingerprint } = entry;
  const seen = handshakeAt === undefined ? 'never' : `${ago(now - handshakeAt)} ago`;
  return [
    ...[name, `${stateWord(entry)}${mesh ? ', mesh' : ''}`, address, vlanWords(vlans)],
    host ?? '-',
    expiresAt === undefined ? seen : `until ${clockTime(expiresAt, now)}`,
    ...[endpoint ?? '-', fingerprint ?? '-'],
  ];
}

function stateWord({ state, managed }: HubEntry): string {
  if (state === 'held') return 'waits for approval';
  return managed ? `${state}, managed` : state;
}
