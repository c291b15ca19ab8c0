/**
 * A Swarm of two nodes on one trunk: services on both, and what happens to names and leases when
 * tasks come and go, and when a node is drained.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { leasesAtServer } from '../support/modes/addressing-modes.ts';
import { containersWith } from '../support/lab/engine.ts';
import { docker, firewallComesToReach, lab, run, until } from '../support/lab/lab.ts';
import { root } from '../support/pages/readme.ts';
import { site } from '../support/lab/site.ts';

const SECOND = 'node2';
/** The service of examples/stack.yaml. */
const WEB = 'site_web';

site({
  trunk: ['switch'],
  server: ['dnsmasq-no-ping', '500'],
  plugin: 'managed',
  also: ['node', 'swarm'],
  clearsAfterEach: false,
});

type Host = 'here' | 'second';
const dockerOn = (host: Host, ...words: string[]) =>
  host === 'here' ? docker(...words) : lab('node', 'docker', ...words);
/** What this machine sees the second node by: the first process of it. */
let second = '';

interface Task {
  readonly host: Host;
  readonly id: string;
  readonly address: string;
  readonly mac: string;
}

/**
 * The running containers of a service on a node. Asked by the engine's API, because docker commands
 * in a loop would take the only core from both engines.
 */
async function tasksOn(host: Host, service: string): Promise<Task[]> {
  const label = `com.docker.swarm.service.name=${service}`;
  const socket = host === 'here' ? undefined : `/proc/${second}/root/run/docker.sock`;
  const running = await containersWith(label, socket);
  return running.map(({ Id, NetworkSettings: { Networks } }) => {
    const { IPAddress = '', MacAddress = '' } = Networks['fw500'] ?? {};
    return { host, id: Id, address: IPAddress, mac: MacAddress };
  });
}

const HOSTS: readonly Host[] = ['here', 'second'];
const tasksOf = async (service: string, hosts = HOSTS) =>
  (await Promise.all(hosts.map((host) => tasksOn(host, service)))).flat();

/**
 * Waits until the service has its tasks, and until the DHCP server knows their addresses and no
 * other. So each task has a lease of its own, and no lease is left of earlier tasks.
 */
async function settled(
  service: string,
  count: number,
  isDone: (tasks: readonly Task[]) => boolean = () => true,
): Promise<readonly Task[]> {
  let tasks: readonly Task[] = [];
  let leased: readonly string[] = [];
  const isSettled = async () => {
    [tasks, leased] = await Promise.all([tasksOf(service), leasesAtServer()]);
    const addresses = tasks.map(({ address }) => address).sort();
    return tasks.length === count && isDone(tasks) && leased.join() === addresses.join();
  };
  await until(`${service} has ${count} tasks and as many leases`, isSettled, 300_000).catch(
    (err: unknown) => {
      throw new Error(`tasks: ${JSON.stringify(tasks)}, leases: ${leased.join(' ')}`, {
        cause: err,
      });
    },
  );
  return tasks;
}

const createService = (name: string, replicas: number, network: string, ...flags: string[]) =>
  docker(
    ...['service', 'create', '--detach', '--no-resolve-image', '--stop-grace-period', '2s'],
    ...['--name', name, '--replicas', String(replicas), '--network', network, ...flags, 'bb'],
  );
const update = (service: string, ...flags: string[]) =>
  docker('service', 'update', '--detach', '--no-resolve-image', ...flags, service);
const setAvailability = (to: 'active' | 'drain') =>
  docker('node', 'update', '--availability', to, SECOND);

const areOnBoth = (tasks: readonly Task[]) =>
  HOSTS.every((host) => tasks.some((task) => task.host === host));

/** The network's links are gone from the node. */
const networkIsGoneFrom = (host: Host) =>
  until(`${host} has no link of the network`, async () => {
    const links = await readFile(`/proc/${host === 'here' ? 'self' : second}/net/dev`, 'utf8');
    return !/^ *(vdh|br500|eth1\.500)/m.test(links);
  });

beforeAll(async () => {
  second = await lab('node-pid');
  await lab('image-load', 'web');
  await lab('node', join(root, 'scripts/lab/in-lab'), 'image-load', 'web');
  const options = ['--ipam-driver', 'null', '-o', 'parent=eth1', '-o', 'vlan=500'];
  for (const host of HOSTS) {
    await dockerOn(host, 'network', 'create', '--config-only', ...options, 'vlan500');
  }
  await docker(
    ...['network', 'create', '-d', 'vlandhcp:stable', '--scope', 'swarm', '--attachable'],
    ...['--config-from', 'vlan500', 'fw500'],
  );
});

afterAll(async () => {
  const services = (await docker('service', 'ls', '-q')).split('\n').filter(Boolean);
  if (services.length > 0) await docker('service', 'rm', ...services);
  await networkIsGoneFrom('here');
  // A Swarm knows some moments later that no task uses the network.
  const isRemoved = async () => (await run('docker', ['network', 'rm', 'fw500'])).status === 0;
  await until('the network is removed', isRemoved);
  await docker('network', 'rm', 'vlan500');
});

it('examples/stack.yaml: a task on each node has a lease, and names resolve on both', async () => {
  const file = join(root, 'examples/stack.yaml');
  await docker('stack', 'deploy', '--detach', '--resolve-image', 'never', '-c', file, 'site');
  const tasks = await settled(WEB, 4, areOnBoth);
  await Promise.all(tasks.map(({ address }) => firewallComesToReach(address)));
  const addresses = tasks.map(({ address }) => address).sort();
  for (const host of HOSTS) {
    const [task] = tasks.filter((one) => one.host === host);
    for (const name of ['web', WEB, `tasks.${WEB}`]) {
      await until(`${name} resolves to all tasks on ${host}`, async () => {
        // As long as there is no such name, nslookup fails.
        const text = await dockerOn(host, 'exec', task?.id ?? '', 'nslookup', name).catch(() => '');
        return (text.match(/10\.50\.0\.\d+/g) ?? []).sort().join() === addresses.join();
      });
    }
  }
  const [here] = tasks.filter(({ host }) => host === 'here');
  const [second] = tasks.filter(({ host }) => host === 'second');
  await docker('exec', here?.id ?? '', 'ping', '-c', '1', '-W', '2', second?.address ?? '');
});

it('scale: leases come and go with the tasks', async () => {
  for (const count of [5, 1, 2]) {
    await docker('service', 'scale', '--detach', `${WEB}=${count}`);
    await settled(WEB, count);
  }
});

it.each(['stop-first', 'start-first'])('rolling update, %s: the leases follow', async (order) => {
  const before = new Set((await settled(WEB, 2)).map(({ id }) => id));
  const flags = ['--update-order', order, '--update-parallelism', '1', '--update-delay', '0s'];
  await update(WEB, '--force', ...flags);
  const tasks = await settled(WEB, 2, (now) => now.every(({ id }) => !before.has(id)));
  await Promise.all(tasks.map(({ address }) => firewallComesToReach(address)));
});

it('drain: the tasks move, and nothing is left on the drained node', async () => {
  await setAvailability('drain');
  await settled(WEB, 2, (tasks) => tasks.every(({ host }) => host === 'here'));
  await networkIsGoneFrom('second');
  await setAvailability('active');
  await docker('stack', 'rm', 'site');
  await until('all leases are given back', async () => (await leasesAtServer()).length === 0);
  await networkIsGoneFrom('here');
});

it('id=: MAC and address follow a service to the other node, and back', async () => {
  await createService(
    'phone',
    1,
    'name=fw500,driver-opt=id=phone',
    '--constraint',
    `node.hostname==${SECOND}`,
  );
  const [first] = await settled('phone', 1, ([task]) => task?.host === 'second');
  const moves = [
    ['here', '!='],
    ['second', '=='],
  ] as const;
  let constraint = `node.hostname==${SECOND}`;
  for (const [host, operator] of moves) {
    const next = `node.hostname${operator}${SECOND}`;
    await update('phone', '--constraint-rm', constraint, '--constraint-add', next);
    constraint = next;
    const [task] = await settled('phone', 1, ([one]) => one?.host === host);
    expect([task?.mac, task?.address]).toEqual([first?.mac, first?.address]);
    await firewallComesToReach(task?.address ?? '');
  }
  await docker('service', 'rm', 'phone');
  await until('the lease is given back', async () => (await leasesAtServer()).length === 0);
});

it('a node dies: its tasks come back on the other node, and its leases are not held for ever', async () => {
  await createService('spare', 2, 'fw500');
  const before = await settled('spare', 2, areOnBoth);
  await lab('node-kill');
  // The manager gives up the dead node's task, and starts another one here. Nobody gives back the
  // lease of a node that is gone. It ends by itself at the server.
  const lost = before.filter(({ host }) => host === 'second').map(({ address }) => address);
  let tasks: readonly Task[] = [];
  await until(
    'both tasks run on the node that is left',
    async () => {
      tasks = await tasksOf('spare', ['here']);
      return tasks.length === 2;
    },
    300_000,
  );
  const addresses = tasks.map(({ address }) => address);
  expect(new Set(addresses).size).toBe(2);
  expect(addresses.filter((address) => lost.includes(address))).toEqual([]);
  await Promise.all(addresses.map((address) => firewallComesToReach(address)));
  // Until the operator says so, the manager waits for the node, and keeps the network for it.
  await docker('node', 'rm', '--force', SECOND);
});
