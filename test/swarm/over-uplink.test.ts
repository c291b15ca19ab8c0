/**
 * A Swarm over the uplink: the manager is the hub of the site, and this machine is the worker,
 * behind NAT. Nothing of the Swarm is open to the Internet.
 */
import { beforeAll, afterAll, expect, it } from 'vitest';
import { proves } from '../support/uplink/acceptance.ts';
import { docker, lab, output, run, until } from '../support/lab/lab.ts';
import { Pieces } from '../support/lab/pieces.ts';
import { site } from '../support/lab/site.ts';

site({ trunk: ['switch'], plugin: 'none', clearsAfterEach: false });

const HUB = '10.83.41.1';
const atHub = (...command: string[]) => output('ip', ['netns', 'exec', 'hub', ...command]);
const dockerAtHub = (...words: string[]) => lab('node', 'docker', ...words);
/** The words by which a node says that others reach it in the tunnel. */
const inTheTunnel = (address: string) => [
  ...['--advertise-addr', address, '--data-path-addr', address],
  ...['--listen-addr', `${address}:2377`],
];
const pieces = new Pieces();

beforeAll(async () => {
  await pieces.put(
    () => lab('node-up', 'bare'),
    () => lab('node-down'),
  );
  await output('ip', ['netns', 'attach', 'hub', await lab('node-pid')]);
  await pieces.put(
    () => lab('internet-up'),
    () => lab('internet-down'),
  );
  await lab('hub-up', '--subnet', '10.83.41.0');
  await lab('member', 'worker', '500', '--mesh');
});
afterAll(() => pieces.takeDown());

it('a worker behind NAT is ready, and containers of an overlay network reach each other with 1300 bytes', async () => {
  const own = /inet ([\d.]+)/.exec(await output('ip', ['-4', 'addr', 'show', 'wg-uplink0']))?.[1];
  await dockerAtHub('swarm', 'init', ...inTheTunnel(HUB));
  pieces.owe(() => run('docker', ['swarm', 'leave', '--force']));
  const token = await dockerAtHub('swarm', 'join-token', '--quiet', 'worker');
  await docker('swarm', 'join', ...inTheTunnel(own ?? ''), '--token', token, `${HUB}:2377`);
  await until('both nodes are ready', async () => {
    const nodes = await dockerAtHub('node', 'ls', '--format', '{{.Status}}');
    return nodes === 'Ready\nReady';
  });
  await dockerAtHub(
    ...['network', 'create', '-d', 'overlay', '--attachable'],
    ...['--opt', 'com.docker.network.driver.mtu=1370', 'app'],
  );
  await dockerAtHub('run', '-d', '--name', 'near', '--network', 'app', 'bb');
  await docker('run', '-d', '--name', 'far', '--network', 'app', 'bb');
  pieces.owe(() => run('docker', ['rm', '-f', 'far']));
  const ping = ['ping', '-c', '3', '-W', '5', '-s', '1272'];
  expect(await docker('exec', 'far', ...ping, 'near')).toContain('3 packets received');
  expect(await dockerAtHub('exec', 'near', ...ping, 'far')).toContain('3 packets received');
  proves('shows-swarm-overlay', 'worker to manager, and manager to worker, by name', '1300 bytes');
  const counted = async () => {
    const counter = await atHub('nft', 'list', 'counter', 'inet', 'vlandhcp_vdhub', 'mesh');
    return Number(/packets (\d+)/.exec(counter)?.[1]);
  };
  // The hub looks at its rules 10 s after a join. Docker has changed rules of its own by then, so
  // they are made anew, and count from 0.
  await until('pings come by the tunnel, and by the rule of the mesh', async () => {
    const before = await counted();
    await docker('exec', 'far', ...ping, 'near');
    return (await counted()) >= before + 3;
  });
  // A task of a service, on the worker alone.
  await dockerAtHub(
    ...['service', 'create', '--detach', '--name', 'web', '--network', 'app', '--no-resolve-image'],
    ...['--constraint', 'node.role==worker', 'bb'],
  );
  const tasks = () => dockerAtHub('service', 'ps', 'web', '--format', '{{.CurrentState}}');
  await until('the task runs', async () => (await tasks()).startsWith('Running'));
  const web = ['ping', '-c', '1', '-W', '2', 'tasks.web'];
  await until('the service is reached', async () => {
    const said = await lab('node', 'docker', 'exec', 'near', ...web).catch(String);
    return said.includes('1 packets received');
  });
  proves('shows-swarm-service', 'a task on the worker, reached by its name from the manager');
});
