/**
 * `kill -9` of the plugin at many moments of every call that docker makes: whatever was cut short, link, state
 * and lease agree after the restart, docker goes on working, and in the end nothing is left.
 */
import { readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  attachment,
  firewallComesToReach,
  ip,
  lab,
  labWith,
  removeAllContainersAndNetworks,
  run,
  until,
} from '../support/lab.ts';

const STATE = '/var/lib/vlandhcp';
const JOIN_TIMEOUT_SEC = 2;
let linksBefore = '';

const serviceUp = () => labWith({ JOIN_TIMEOUT: String(JOIN_TIMEOUT_SEC) }, 'service-up');
const records = async (kind: string) =>
  (await readdir(`${STATE}/${kind}`)).filter((name) => name.endsWith('.json'));
const hostEnds = async () =>
  (await ip('-br', 'link')).split('\n').filter((line) => line.startsWith('vdh'));

const NETWORK = ['network', 'create', '-d', 'vlandhcp', '--ipam-driver', 'null'];
const createNetwork = () =>
  run('docker', [...NETWORK, '-o', 'parent=eth1', '-o', 'vlan=500', 'fw500']);
const runBox = () =>
  run('docker', [
    ...['run', '-d', '--name', 'box', '--network', 'name=fw500,driver-opt=id=box', 'bb'],
  ]);

/** Kills the plugin `ms` after docker was asked, and starts it again; resolves when docker has answered. */
async function killedDuring(ask: () => Promise<unknown>, ms: number): Promise<void> {
  const asked = ask();
  await delay(ms);
  await lab('service-kill');
  await serviceUp();
  await asked;
}

const agree = () =>
  until(
    'links and records agree',
    async () => (await hostEnds()).length === (await records('endpoints')).length,
    (JOIN_TIMEOUT_SEC + 5) * 1000,
  );

async function works(): Promise<void> {
  await run('docker', ['rm', '-f', 'box']);
  const { status, stderr } = await runBox();
  expect([status, stderr]).toEqual([0, '']);
  await firewallComesToReach((await attachment('box', 'fw500')).address);
}

beforeAll(async () => {
  await lab('trunk-up');
  await lab('server-up', 'dnsmasq-no-ping', '500');
  await lab('engine-up');
  await serviceUp();
  linksBefore = await lab('links');
});
afterAll(async () => {
  await lab('service-down');
  await lab('engine-down');
  await lab('server-down');
  await lab('trunk-down');
});
afterEach(async () => {
  await removeAllContainersAndNetworks();
  await until('the links are as before', async () => (await lab('links')) === linksBefore);
  for (const kind of ['networks', 'endpoints', 'held']) expect(await records(kind)).toEqual([]);
});

describe('the plugin is killed', () => {
  describe.each([0, 60, 120, 180, 240, 300, 400, 600])('%i ms after docker run', (ms) => {
    beforeEach(async () => void (await createNetwork()));
    it('docker run works afterwards', async () => {
      await killedDuring(runBox, ms);
      await agree();
      await works();
    });
  });

  it.each([0, 60, 120, 180])('%i ms after docker rm -f', async (ms) => {
    await createNetwork();
    await runBox();
    await killedDuring(() => run('docker', ['rm', '-f', 'box']), ms);
    await agree();
    await works();
  });

  it.each([0, 60, 120])('%i ms after docker network create', async (ms) => {
    await killedDuring(createNetwork, ms);
    await createNetwork(); // it is there, or it is not and nothing is in the way
    await works();
  });

  it.each([0, 60])('%i ms after docker network rm', async (ms) => {
    await createNetwork();
    await killedDuring(() => run('docker', ['network', 'rm', 'fw500']), ms);
  });
});
