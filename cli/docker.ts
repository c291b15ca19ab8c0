/**
 * Names from Docker: of networks, containers and services. The command line asks Docker, and never
 * the plugin. Without an answer the ids are shown.
 */
import { execFile } from 'node:child_process';
import type { LeaseEntry } from './admin-client.ts';
import { CommandError } from './errors.ts';

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
  /**
   * True if the words mean the network of that id. A name goes before the beginning of an id.
   * @param holder whoever has a lease on it.
   */
  means(words: string, network: string, holder?: Pick<LeaseEntry, 'mac'>): boolean;
  /** The NetworkID of that network. Undefined if Docker has none. @throws CommandError if two. */
  networkId(words: string): string | undefined;
  /**
   * Where the container is attached that the words name: its name, or the beginning of its id.
   * @throws CommandError if they name two containers.
   */
  attachmentsOf(words: string): readonly Attachment[];
}

export interface Attachment {
  readonly container: Container;
  readonly endpoint: string;
  readonly mac: string;
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
  const attachments = networks.flatMap(({ Name: network, Containers }) =>
    Object.entries(Containers ?? {}).map(
      ([id, { Name, EndpointID: endpoint, MacAddress: mac }]) => ({
        ...{ container: { id, name: Name, service: services.get(id) }, network, endpoint, mac },
      }),
    ),
  );
  const byEndpoint = new Map(attachments.map((one) => [short(one.endpoint), one]));
  const byMac = new Map(attachments.map((one) => [one.mac, one]));
  const find = (words: string) =>
    named(words, networks, ({ Name, Id }) => ({ name: Name, id: Id }), 'network');
  const nameOf: Names['network'] = (id, holder) =>
    networkNames.get(short(id)) ??
    (holder === undefined ? undefined : byMac.get(holder.mac)?.network) ??
    (id.startsWith('pool ') ? id : short(id));
  return {
    network: nameOf,
    networkId: (words) => find(words)[0]?.Id,
    isNetwork: (words) => find(words).length > 0,
    means: (words, id, holder) => {
      if (nameOf(id, holder) === words) return true;
      const isName = networks.some(({ Name }) => Name === words);
      return !isName && words.length >= SHORTEST_ID && id.startsWith(words);
    },
    container: ({ endpoint, mac }) =>
      (byEndpoint.get(short(endpoint)) ?? byMac.get(mac))?.container,
    attachmentsOf: (words) => named(words, attachments, ({ container }) => container, 'container'),
  };
}

/** One digit begins the ids of many. */
const SHORTEST_ID = 4;

/**
 * What the words name, as for Docker: a name goes before the beginning of an id.
 * @throws CommandError if two ids begin so.
 */
function named<Item>(
  words: string,
  items: readonly Item[],
  keyOf: (item: Item) => { readonly name: string; readonly id: string },
  what: string,
): readonly Item[] {
  const byName = items.filter((item) => keyOf(item).name === words);
  if (byName.length > 0) return byName;
  if (words.length < SHORTEST_ID) return [];
  const byId = items.filter((item) => keyOf(item).id.startsWith(words));
  const names = new Set(byId.map((item) => keyOf(item).name));
  if (names.size <= 1) return byId;
  throw new CommandError(
    `${words} is the beginning of more than one ${what}'s ID: ${[...names].join(', ')}; type its name`,
  );
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

/** The service of each container, by its id. A label can have any character: it comes as JSON. */
async function readServices(docker: RunDocker): Promise<ReadonlyMap<string, string>> {
  const fields = LABELS.map((label) => `{{json (.Label "${label}")}}`).join('\t');
  const text = (await docker('ps', '-a', '--no-trunc', '--format', `{{.ID}}\t${fields}`)) ?? '';
  const rows = text.split('\n').map((line) => line.split('\t'));
  return new Map(
    rows.flatMap(([id = '', ...labels]) => {
      const name = labels.map(textOf).find((one) => one !== '');
      return name === undefined ? [] : [[id, name] as const];
    }),
  );
}

function textOf(json: string): string {
  try {
    return String(JSON.parse(json));
  } catch {
    return '';
  }
}
