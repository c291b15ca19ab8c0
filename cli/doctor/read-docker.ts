/** Reads what Docker says of itself, its plugins and its networks, and the state of our socket. */
import { statSync } from 'node:fs';
import type { AdminClient } from '../admin-client.ts';
import { inspectNetworks, type RunDocker } from '../docker.ts';
import { CommandError } from '../errors.ts';
import type { EngineFacts, Facts, NetworkFact, SocketFact } from './facts.ts';

interface ShownNetwork {
  readonly Id: string;
  readonly Name: string;
  readonly Driver: string;
  readonly Scope?: string;
  /** True for a set of options that other networks are made of. */
  readonly ConfigOnly?: boolean;
  readonly EnableIPv6?: boolean;
  readonly Options?: Readonly<Record<string, string>> | null;
  readonly Containers?: Readonly<Record<string, { Name: string; EndpointID: string }>> | null;
}

export async function readEngine(docker: RunDocker): Promise<EngineFacts> {
  const [info, plugins] = await Promise.all([
    docker('info', '--format', '{{json .}}'),
    docker('plugin', 'ls', '--format', '{{.Name}} {{.Enabled}}'),
  ]);
  const shown = info === undefined ? {} : (JSON.parse(info) as Record<string, unknown>);
  const firewall = shown['FirewallBackend'] as { Driver?: string } | undefined;
  const version = shown['ServerVersion'];
  return {
    // Without dockerd, `docker info` prints an empty version.
    version: typeof version === 'string' && version !== '' ? version : undefined,
    firewall: firewall?.Driver,
    isLiveRestore: shown['LiveRestoreEnabled'] === true,
    plugins: (plugins ?? '').split('\n').flatMap((line) => {
      const [name = '', isEnabled] = line.split(' ');
      return name === '' ? [] : [{ name, isEnabled: isEnabled === 'true' }];
    }),
  };
}

export async function readNetworks(docker: RunDocker): Promise<NetworkFact[]> {
  const all = await inspectNetworks<ShownNetwork>(docker);
  const networks = all.filter(({ ConfigOnly }) => ConfigOnly !== true);
  return networks.map(({ Id, Name, Driver, Scope, EnableIPv6, Options, Containers }) => {
    const { parent, vlan, bridge, mode, ipv4, ipv6 } = Options ?? {};
    const hasIpv6 = (ipv6 ?? (EnableIPv6 === true ? 'auto' : 'off')) !== 'off';
    // The name that the plugin gives a bridge if none is typed.
    const ours = vlan === undefined || vlan.includes('.') ? undefined : `br${vlan}`;
    return {
      ...{ id: Id, name: Name, driver: Driver, parent, vlan },
      bridge: mode === undefined || mode === 'bridge' ? (bridge ?? ours) : undefined,
      families: [
        ...(ipv4 === 'off' ? [] : ['IPv4' as const]),
        ...(hasIpv6 ? ['IPv6' as const] : []),
      ],
      isOfSwarm: Scope === 'swarm',
      containers: new Map(Object.values(Containers ?? {}).map((one) => [one.EndpointID, one.Name])),
    };
  });
}

/** @param known ids of networks that the plugin has. @returns those of the plugin. */
export function ownNetworks(
  networks: readonly NetworkFact[],
  plugin: string | undefined,
  known: ReadonlySet<string>,
): NetworkFact[] {
  return networks.filter(
    ({ id, driver }) => known.has(id) || driver === plugin || /^vlandhcp(:|$)/.test(driver),
  );
}

/** Asks the plugin, and looks at the file of its socket. */
export async function readOwn(
  admin: AdminClient,
  path: string,
): Promise<Pick<Facts, 'own' | 'socket'>> {
  let [mode, owner]: [number | undefined, number | undefined] = [undefined, undefined];
  try {
    ({ mode, uid: owner } = statSync(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const state = code === 'EACCES' ? 'forbidden' : 'missing';
    return { own: undefined, socket: { path, state, mode, owner, words: undefined } };
  }
  try {
    const [networks, leases] = await Promise.all([admin.networks(), admin.leases()]);
    const socket: SocketFact = { path, state: 'open', mode, owner, words: undefined };
    return { own: { networks, leases }, socket };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const words = error.message;
    const state = /^only root/.test(words) ? 'forbidden' : /^nobody listens/.test(words) ? 'deaf' : 'silent'; // prettier-ignore
    return { own: undefined, socket: { path, state, mode, owner, words } };
  }
}
