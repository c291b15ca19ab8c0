/**
 * `kill -9` of the plugin at named moments of every call of docker. After the restart, links and
 * records agree. docker goes on working, and in the end nothing is left.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { readdir, readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  attachment,
  firewallComesToReach,
  ip,
  lab,
  labWith,
  run,
  until,
} from '../support/lab/lab.ts';
import { site } from '../support/lab/site.ts';
import { post } from '../support/lab/unix-http.ts';

const STATE = '/var/lib/vlandhcp';
const SOCKET = '/run/docker/plugins/vlandhcp.sock';
const JOIN_TIMEOUT_SEC = 2;

const serviceUp = () => labWith({ JOIN_TIMEOUT: String(JOIN_TIMEOUT_SEC) }, 'service-up');
const records = async (kind: string) =>
  (await readdir(`${STATE}/${kind}`)).filter((name) => name.endsWith('.json'));
const hostEndOf = async (file: string) => {
  const text = await readFile(`${STATE}/leases/${file}`, 'utf8').catch(() => '{}');
  const { record } = JSON.parse(text) as { record?: { holder: { hostEnd?: string } } };
  return record?.holder.hostEnd;
};
const hostEnds = async () =>
  (await ip('-br', 'link'))
    .split('\n')
    .filter((line) => line.startsWith('vdh'))
    .map((line) => line.split(/[ @]/)[0]);

const NETWORK = ['network', 'create', '-d', 'vlandhcp', '--ipam-driver', 'null'];
const createNetwork = () =>
  run('docker', [...NETWORK, '-o', 'parent=eth1', '-o', 'vlan=500', 'fw500']);
const runBox = () =>
  run('docker', [
    ...['run', '-d', '--name', 'box', '--network', 'name=fw500,driver-opt=id=box', 'bb'],
  ]);

const LOG = '/run/lab/vlandhcp.log';

/**
 * Asks docker, kills the plugin as soon as its log says `marker`, and starts it again. Returns when
 * docker has answered. Fails if the marker never comes.
 */
async function killedAt(ask: () => Promise<unknown>, marker: string): Promise<void> {
  const pid = Number(await lab('pid', 'vlandhcp'));
  const { length } = await readFile(LOG);
  const asked = ask();
  const by = performance.now() + 60_000;
  while (!(await readFile(LOG)).subarray(length).includes(marker)) {
    expect(performance.now(), `waited in vain for ${marker}`).toBeLessThan(by);
    await delay(1); // the plugin needs the one processor, too
  }
  process.kill(pid, 'SIGKILL');
  await lab('service-kill'); // this waits until the process has ended
  await serviceUp();
  await asked;
}

/** Networks that have a record, but that docker does not have. */
async function lost(): Promise<readonly string[]> {
  const ids = (await run('docker', ['network', 'ls', '-q', '--no-trunc'])).stdout.split('\n');
  const recorded = (await records('networks')).map((name) => name.replace('.json', ''));
  return recorded.filter((id) => !ids.includes(id));
}

const agree = () =>
  until('links and records agree', async () => {
    const all = await Promise.all((await records('leases')).map(hostEndOf));
    const recorded = all.filter((hostEnd) => hostEnd !== undefined);
    return recorded.sort().join() === (await hostEnds()).sort().join();
  });

async function works(): Promise<void> {
  await run('docker', ['rm', '-f', 'box']);
  const { status, stderr } = await runBox();
  expect([status, stderr]).toEqual([0, '']);
  await firewallComesToReach((await attachment('box', 'fw500')).address);
}

const { clear } = site({
  server: ['dnsmasq-no-ping', '500'],
  settings: { JOIN_TIMEOUT: String(JOIN_TIMEOUT_SEC) },
  clearsAfterEach: false,
});
afterEach(async () => {
  await clear();
  for (const kind of ['networks', 'leases']) expect(await records(kind)).toEqual([]);
});

describe('the plugin is killed', () => {
  describe.each([
    ['before DISCOVER is sent', '"to":"SELECTING"'],
    ['between OFFER and ACK', '"to":"REQUESTING"'],
    ['with the ACK in its hands', '"to":"BOUND"'],
    ['when the endpoint is written down', 'endpoint created, lease acquired'],
    ['when CreateEndpoint is answered', '"call":"NetworkDriver.CreateEndpoint"'],
    ['when Join is answered', '"call":"NetworkDriver.Join"'],
    ['when its socket is in the sandbox', 'lease socket is in the sandbox'],
  ])('%s', (_when, marker) => {
    beforeEach(async () => void (await createNetwork()));
    it('docker run works afterwards', async () => {
      await killedAt(runBox, marker);
      await agree();
      await works();
    });
  });

  it.each([
    ['Leave is answered', '"call":"NetworkDriver.Leave"'],
    ['the lease is held', 'lease held'],
    ['the endpoint is removed', 'endpoint removed'],
  ])('when %s, in docker rm -f', async (_when, marker) => {
    await createNetwork();
    await runBox();
    await killedAt(() => run('docker', ['rm', '-f', 'box']), marker);
    await agree();
    await works();
  });

  it('when the network is made: it is there, or it is not and nothing is in the way', async () => {
    await killedAt(createNetwork, 'network created');
    const answered = await run('docker', ['network', 'inspect', '-f', '{{.Id}}', 'fw500']);
    await createNetwork();
    await works();
    // If dockerd never got the answer, the record stays. Nobody can tell such a network from an
    // unused one (troubleshooting.md).
    const [unanswered] = answered.status === 0 ? [] : await lost();
    if (unanswered === undefined) return;
    const { json } = await post(
      SOCKET,
      '/NetworkDriver.DeleteNetwork',
      JSON.stringify({ NetworkID: unanswered }),
    );
    expect(json).toEqual({});
  });

  it('when the network is removed', async () => {
    await createNetwork();
    await killedAt(() => run('docker', ['network', 'rm', 'fw500']), 'network removed');
  });
});
