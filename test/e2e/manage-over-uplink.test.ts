/**
 * The hub manages a real engine behind NAT, over the uplink. The lab machine is the member. The
 * `docker` of the hub and of a workstation on the Internet know the member by a context alone.
 */
import { afterEach, beforeAll, expect, it } from 'vitest';
import { proves } from '../support/uplink/acceptance.ts';
import { daemonLog, docker, lab, output, run, until } from '../support/lab/lab.ts';
import { site } from '../support/lab/site.ts';

site({ plugin: 'none', also: ['internet'], clearsAfterEach: false });

const PROGRAM = 'dist/vlandhcp-uplink.cjs';
const FOLDER = '/tmp/manage-over-uplink';
/** Each has contexts of its own. */
const configOf = (where: string) => ({ DOCKER_CONFIG: `${FOLDER}/${where}` });
const typed = (where: string, ...words: string[]) =>
  run('ip', ['netns', 'exec', where, ...words], configOf(where));
const done = (where: string, ...words: string[]) =>
  output('ip', ['netns', 'exec', where, ...words], configOf(where));
const managed = (where: string, ...words: string[]) =>
  done(where, 'docker', '--context', 'laptop', ...words);
const hub = (...words: string[]) => done('hub', 'node', PROGRAM, 'hub', ...words);

beforeAll(async () => {
  await output('mkdir', ['-p', FOLDER]);
  await lab('hub-up');
  await lab('member', 'laptop', '500', '--manage');
  await until('Docker is managed', async () =>
    (await output('node', [PROGRAM, 'uplink', 'status'])).includes('   managed   '),
  );
});
afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail') return;
  for (const name of ['hub', 'uplink'])
    process.stderr.write(`${(await daemonLog(name).catch(() => '')).slice(-4_000)}\n`);
});

it('docker --context at the hub: ps, run, logs -f, and exec -i with the end of input', async () => {
  expect(await hub('context', 'laptop')).toMatch(
    /^context "laptop", valid until .*; the key is root on laptop\ndocker --context laptop ps$/,
  );
  const loop = ['sh', '-c', 'while :; do echo up; sleep 1; done'];
  const made = await managed('hub', 'run', '-d', '--name', 'box', 'bb', ...loop);
  expect(made).toMatch(/^[0-9a-f]{64}$/);
  expect(await docker('ps', '--format', '{{.Names}}')).toBe('box'); // it is this engine
  expect(await managed('hub', 'ps', '--format', '{{.Names}}')).toContain('box');
  const counted = await done(
    'hub',
    ...['sh', '-c', 'head -c 300000 /dev/zero | docker --context laptop exec -i box wc -c'],
  );
  expect(counted).toBe('300000');
  expect(
    await done('hub', 'sh', '-c', 'printf abc | docker --context laptop run --rm -i bb wc -c'),
  ).toBe('3');
  // Only lines that are written after the command has begun.
  const followed = await done(
    'hub',
    'sh',
    '-c',
    'docker --context laptop logs -f --tail 0 box | head -n 2',
  );
  expect(followed).toBe('up\nup');
  await docker('rm', '-f', 'box');
  proves('shows-context-hub', 'ps, run, logs -f, exec -i with 300,000 bytes and the end of input');
});

it('without a certificate docker prints why it is refused', async () => {
  await hub('context', 'laptop', '--export', `${FOLDER}/keys/`);
  const [{ address } = { address: '' }] = JSON.parse(await hub('list', '--json')) as {
    address: string;
  }[];
  const where = [
    '-H',
    `tcp://${address}:2376`,
    '--tlsverify',
    '--tlscacert',
    `${FOLDER}/keys/ca.pem`,
  ];
  const refused = await typed('hub', 'docker', ...where, 'ps');
  expect([refused.status, refused.stderr]).toEqual([
    1,
    expect.stringContaining('vlandhcp on laptop: the client has no certificate'),
  ]);
  proves('shows-no-certificate', 'the client has no certificate');
});

it('a workstation imports a context, reaches the member by a port of the hub, and is ended there', async () => {
  await hub('context', 'laptop', '--export', `${FOLDER}/laptop.dockercontext`);
  await done('inet', 'docker', 'context', 'import', 'laptop', `${FOLDER}/laptop.dockercontext`);
  expect(await managed('inet', 'run', '--rm', 'bb', 'echo', 'hello')).toBe('hello');
  // A folder is for those who have no contexts.
  const [, ...how] = (await hub('context', 'laptop', '--export', `${FOLDER}/keys/`)).split('\n');
  expect(await done('inet', 'sh', '-c', how.join('\n'))).toContain('CONTAINER ID');
  await hub('context', 'laptop', '--end');
  expect((await typed('inet', 'docker', '--context', 'laptop', 'ps')).status).toBe(1);
  // The member hears of it with its next word.
  let said = await typed('hub', 'docker', '--context', 'laptop', 'ps');
  while (said.status === 0) said = await typed('hub', 'docker', '--context', 'laptop', 'ps');
  expect(said.stderr).toContain('was ended at the hub');
  await hub('context', 'laptop'); // the context that is there is replaced
  expect(await managed('hub', 'version', '--format', '{{.Server.Os}}')).toBe('linux');
  proves('shows-context-bundle', 'run from the Internet, by a port of the hub; ended with --end');
});

it('after uplink manage off nobody at the hub reaches Docker', async () => {
  await output('node', [PROGRAM, 'uplink', 'manage', 'off']);
  const said = await typed('hub', 'timeout', '3', 'docker', '--context', 'laptop', 'ps');
  expect(said.status).not.toBe(0);
  expect(await docker('version', '--format', '{{.Server.Os}}')).toBe('linux');
});
