/**
 * The faults of a managed plugin, and what they cost a container that is pinged a hundred times a
 * second.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { docker, lab, run, until } from '../support/lab/lab.ts';
import { createFw500, site } from '../support/lab/site.ts';
import { addressOf, cleanUp, fault, printTable, runBox, survives, type Row } from './rows.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDER = process.env['VLANDHCP_PLUGIN_FOLDER'] ?? join(ROOT, 'build/plugin');
let folder = '';
let row: Row | undefined;

const place = site({
  server: ['dnsmasq-no-ping', '500'],
  plugin: 'managed',
  clearsAfterEach: false,
});
beforeAll(async () => {
  const id = await docker('plugin', 'inspect', '-f', '{{.Id}}', 'vlandhcp:stable');
  folder = join('/var/lib/docker/plugins', id, 'propagated-mount');
});
afterAll(printTable);
beforeEach(async () => {
  row = undefined;
  await createFw500();
  await runBox();
});
afterEach(() => cleanUp(row, place, folder));

it('disabled and enabled: nobody notices', async () => {
  row = fault('plugin disable and enable', 'dnsmasq');
  await survives(row, 'no packet is lost', async () => {
    await docker('plugin', 'disable', '-f', 'vlandhcp:stable');
    await docker('plugin', 'enable', 'vlandhcp:stable');
  });
});

it('killed: dockerd starts it again, and nobody notices', async () => {
  row = fault('managed plugin kill -9', 'dnsmasq');
  const before = await lab('plugin-pid');
  await survives(row, 'no packet is lost', async () => {
    await lab('plugin-kill');
    // While dockerd starts the plugin, there is no process.
    const pid = async () => (await lab('plugin-pid').catch(() => '')).trim();
    await until('it runs again', async () => !['', before].includes(await pid()));
  });
});

it('upgraded: nobody notices, and the restarted container keeps its address', async () => {
  row = fault('plugin upgrade', 'dnsmasq');
  await survives(row, 'no packet is lost', async () => {
    const { status, stderr } = await run(join(ROOT, 'scripts/plugin'), [
      ...['upgrade', '--yes', '--dir', FOLDER],
    ]);
    expect([status, stderr]).toEqual([0, expect.anything()]);
  });
  const address = await addressOf();
  await docker('restart', '-t', '1', 'box');
  expect(await addressOf()).toBe(address);
});
