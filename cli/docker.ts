/**
 * Names from Docker: of networks, containers and services. The command line asks Docker, and never
 * the plugin. Without an answer the ids are shown.
 */
import { execFile } from 'node:child_process';
import type { LeaseEntry } from './admin-client.ts';

export interface Container {
  readonly id: string;
  readonly name: string;
  /** Of Compose or Swarm. */
  readonly service: string | undefined;
}

export interface Names {
  /** @param network as the admin API tells it: a NetworkID, or `pool` and the id of a pool. */
  network(network: string, holder?: Pick<LeaseEntry, 'mac'>): string;
  container(lease: Pick<LeaseEntry, 'endpoint' | 'mac'>): Container | undefined;
  /** True if Docker has a network of that name, or with an id that begins so. */
  isNetwork(words: string): boolean;
  /** The NetworkID of that network. Undefined if Docker has none. */
  networkId(words: string): string | undefined;
  /** MACs of the containers that the words name: a name, or the beginning of an id. */
  macsOf(words: string): string[];
}

/** Runs `docker` with the arguments. Undefined if it failed. */
export type RunDocker = (...args: readonly string[]) => Promise<string | undefined>;

export const runDocker: RunDocker = (...args) =>
  new Promise((resolve) => {
    const limits = { timeout: 10_000, maxBuffer: 64_000_000 };
    execFile('docker', args, limits, (error, stdout) => resolve(error ? undefined : stdout));
  });

interface InspectedNetwork {
  readonly Id: string;
  readonly Name: string;
  readonly Containers?: Readonly<
    Record<string, { Name: string; EndpointID: string; MacAddress: string }>
  > | null;
}

const LABELS = ['com.docker.compose.service', 'com.docker.swarm.service.name'];

export async function readNames(docker: RunDocker): Promise<Names> {
  const [networks, services] = await Promise.all([
    inspectNetworks<InspectedNetwork>(docker),
    readServices(docker),
  ]);
  const networkNames = new Map(networks.map(({ Id, Name }) => [short(Id), Name]));
  const byEndpoint = new Map<string, Container>();
  const byMac = new Map<string, { container: Container; network: string }>();
  for (const network of networks) {
    for (const [id, { Name, EndpointID, MacAddress }] of Object.entries(network.Containers ?? {})) {
      const container = { id, name: Name, service: services.get(id) };
      byEndpoint.set(short(EndpointID), container);
      byMac.set(MacAddress, { container, network: network.Name });
    }
  }
  return {
    network: (id, holder) =>
      networkNames.get(short(id)) ??
      (holder === undefined ? undefined : byMac.get(holder.mac)?.network) ??
      (id.startsWith('pool ') ? id : short(id)),
    networkId: (words) =>
      networks.find(({ Name }) => Name === words)?.Id ??
      networks.find(({ Id }) => words.length >= 4 && Id.startsWith(words))?.Id,
    isNetwork: (words) => networks.some(({ Id, Name }) => Name === words || Id.startsWith(words)),
    container: ({ endpoint, mac }) => byEndpoint.get(short(endpoint)) ?? byMac.get(mac)?.container,
    macsOf: (words) =>
      [...byMac]
        .filter(
          ([
            ,
            {
              container: { id, name },
            },
          ]) => name === words || id.startsWith(words),
        )
        .map(([mac]) => mac),
  };
}

/** Some events have only the first 12 characters of an id. */
function short(id: string): string {
  return id.slice(0, 12);
}

/**
 * All networks of Docker. Docker fails as a whole if one of them is gone meanwhile. Then each is
 * asked for alone.
 */
export async function inspectNetworks<Network>(docker: RunDocker): Promise<readonly Network[]> {
  const ids = (await docker('network', 'ls', '-q', '--no-trunc'))?.split('\n').filter(Boolean);
  if (ids === undefined || ids.length === 0) return [];
  const text = await docker('network', 'inspect', ...ids);
  if (text !== undefined) return JSON.parse(text) as Network[];
  const texts = await Promise.all(ids.map((id) => docker('network', 'inspect', id)));
  return texts.flatMap((one) => (one === undefined ? [] : (JSON.parse(one) as Network[])));
}

/** The service of each container, by its id. */
async function readServices(docker: RunDocker): Promise<ReadonlyMap<string, string>> {
  const fields = LABELS.map((label) => `{{.Label "${label}"}}`).join('\t');
  const text = (await docker('ps', '-a', '--no-trunc', '--format', `{{.ID}}\t${fields}`)) ?? '';
  const rows = text.split('\n').map((line) => line.split('\t'));
  return new Map(
    rows.flatMap(([id = '', ...names]) => {
      const name = names.find((one) => one !== '');
      return name === undefined ? [] : [[id, name] as const];
    }),
  );
}
