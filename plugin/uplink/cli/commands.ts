/** `vlandhcp uplink …`: the commands of a host that is not beside the trunk. */
import { Argument, type Command } from 'commander';
import { TUNNEL_MTU } from '../desired.ts';
import type { UplinkStatus } from '../uplink-status.ts';
import { ago, columns, vlanWords, type Terminal } from './words.ts';

export interface UplinkCommands {
  readonly terminal: Terminal;
  /** Asks the service of this host. @throws PluginError. */
  readonly ask: (call: string, body: object) => Promise<unknown>;
  /** Runs the service until it is stopped. */
  readonly run: () => Promise<void>;
}

interface JoinTyped {
  readonly dev: string;
  readonly via?: string;
  readonly proxy?: string;
  readonly manage?: true;
}

/** A status has everything up (0), or not (2). */
const EXIT_DOWN = 2;
const DEVICE_HELP = 'needed only if this host has several';

export function addUplinkCommands(uplink: Command, { terminal, ask, run }: UplinkCommands): void {
  const { print } = terminal;
  uplink
    .command('join')
    .description(
      'Join the site that gave you a token; the token is asked for, or read from standard input',
    )
    .option('--dev <LINK>', 'the name of the link that carries the trunk', 'uplink0')
    .option(
      '--via <WAY>',
      'reach the hub by ssh alone, over hosts on the way if there are some: ssh://USER@HUB?jump=A,B',
    )
    .option(
      '--proxy <URL>',
      'where UDP is blocked, reach the hub by TLS through this HTTP proxy: http://proxy.example.net:3128',
    )
    .option('--manage', 'the site may manage Docker of this host: whoever it lets in is root here')
    .action(async ({ dev, via, proxy, manage }: JoinTyped) => {
      const token = await terminal.readSecret('One-time token (it is not shown): ');
      const body = { token, device: dev, via, proxy, manage };
      const joined = (await ask('join', body)) as UplinkStatus & { ms: number };
      print(joinedText(joined, manage === true));
    });
  uplink
    .command('status')
    .description('Show each uplink: is it up, since when, by which way, with which VLANs')
    .option('--json', 'print JSON, for programs')
    .addHelpText('after', '\nExit status: 0 if all uplinks are up, 2 if one is not.')
    .action(async ({ json }: { json?: true }) => {
      const { uplinks } = (await ask('status', {})) as { uplinks: readonly UplinkStatus[] };
      if (json === true) print(JSON.stringify(uplinks, null, 2));
      else if (uplinks.length === 0)
        print('this host has no uplink; join one: vlandhcp uplink join');
      else print(columns(uplinks.map((one) => statusRow(one, terminal.now()))));
      if (uplinks.some(({ state }) => state !== 'up')) terminal.exit(EXIT_DOWN);
    });
  uplink
    .command('leave')
    .description('Leave the site: the links and the key go; the hub is told if it hears')
    .argument('[LINK]', DEVICE_HELP)
    .action(async (device?: string) => {
      const left = (await ask('leave', { device })) as { device: string; isTold: boolean };
      print(
        left.isTold
          ? `${left.device} is gone, here and at the hub`
          : `${left.device} is gone here; the hub did not answer, so type there: vlandhcp hub revoke NAME`,
      );
    });
  uplink
    .command('rotate')
    .description('Change over to a new key; no frame is lost but those of one second')
    .argument('[LINK]', DEVICE_HELP)
    .action(async (device?: string) => {
      const { device: link, fingerprint } = (await ask('rotate', { device })) as UplinkStatus;
      print(`${link} has a new key, ${fingerprint}`);
    });
  uplink
    .command('manage')
    .description(
      'Let the site manage Docker of this host, or end it; who manages Docker is root here',
    )
    .addArgument(new Argument('<STATE>').choices(['on', 'off']))
    .argument('[LINK]', DEVICE_HELP)
    .action(async (state: string, device?: string) => {
      print(managedText((await ask('manage', { device, on: state === 'on' })) as UplinkStatus));
    });
  uplink
    .command('run')
    .description('Run the service of this host (vlandhcp-uplink.service does it)')
    .action(run);
}

function joinedText(status: UplinkStatus & { ms: number }, isManaged: boolean): string {
  const { site, address, ms, device, vlans, mtu, state, fingerprint, name, way } = status;
  const over = way === 'ssh' ? way : way.toUpperCase();
  const joined = `joined "${site}" as ${address ?? '?'} over ${over} in ${(ms / 1000).toFixed(1)} s`;
  if (state === 'held') {
    return `${joined}; an operator must approve it: vlandhcp hub approve ${name ?? 'NAME'}   (compare the key: ${fingerprint})`;
  }
  const [first] = vlans;
  if (first === undefined)
    return `${joined}; it has no VLAN yet: vlandhcp hub vlans ${name ?? 'NAME'} 500`;
  const carries = `${device} carries VLANs ${vlanWords(vlans)} (${mtu ?? 1500} bytes)`;
  return `${joined}; ${carries}
docker network create -d vlandhcp --ipam-driver null -o parent=${device} -o vlan=${first} fw${first}${isManaged ? '\nDocker of this host may be managed by the site' : ''}`;
}

function managedText({ device, name, managed }: UplinkStatus): string {
  if (managed === undefined) return `Docker of this host is not managed by ${device}`;
  const next = `for a client, at the hub: vlandhcp hub context ${name ?? 'NAME'}`;
  return managed.problem === undefined
    ? `Docker of this host may be managed by ${device}; ${next}`
    : `Docker of this host is to be managed by ${device}, but not yet: ${managed.problem}`;
}

const STATE_WORDS: Readonly<Record<UplinkStatus['state'], string>> = {
  joining: 'joining',
  up: 'up',
  held: 'waits for approval',
  silent: 'down, hub silent',
  revoked: 'down, revoked by the hub',
};

/** Less passes than the tunnel has, so long frames go in more pieces. */
function isNarrow({ pathMtu = TUNNEL_MTU }: UplinkStatus): boolean {
  return pathMtu < TUNNEL_MTU;
}

function statusRow(status: UplinkStatus, now: number): string[] {
  const { device, site, state, since, way, endpoint, silentMs, roundTripMs, vlans } = status;
  const { tunnel, managed } = status;
  return [
    device,
    site,
    `${STATE_WORDS[state]} ${ago(now - since)}`,
    `${way} ${endpoint}`,
    silentMs === undefined ? 'no word yet' : `last word ${ago(silentMs)} ago`,
    roundTripMs === undefined ? '-' : `${roundTripMs.toFixed(roundTripMs < 10 ? 1 : 0)} ms`,
    `VLANs ${vlanWords(vlans)}`,
    ...(managed === undefined ? [] : [managedWord(managed)]),
    tunnel?.kind === 'wireguard-go' ? 'wireguard-go' : 'kernel WireGuard',
    ...(isNarrow(status) ? [`narrow way, packets of ${status.pathMtu}`] : []),
  ];
}

function managedWord({ isServed, problem }: NonNullable<UplinkStatus['managed']>): string {
  if (problem !== undefined) return `managed, but ${problem}`;
  return isServed ? 'managed' : 'to be managed';
}
