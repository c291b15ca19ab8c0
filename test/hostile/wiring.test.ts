/**
 * Section E with a real engine: the firewall pings a container while somebody changes the links of
 * its network.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  attachment,
  daemonLog,
  docker,
  firewallReaches,
  ip,
  networkCommand,
  removeAllContainersAndNetworks,
  until,
} from '../support/lab/lab.ts';
import { site } from '../support/lab/site.ts';
import { outcome, recordOutcomes } from '../support/lab/outcomes.ts';

recordOutcomes();

let address = '';

const { leftLinks } = site({ server: ['dnsmasq-no-ping', '500', '600'], clearsAfterEach: false });
beforeAll(async () => {
  await docker(...networkCommand('fw500'));
  await docker('run', '-d', '--name', 'box', '--net=fw500', 'bb');
  address = (await attachment('box', 'fw500')).address;
});
afterAll(async () => {
  await removeAllContainersAndNetworks();
  expect(await leftLinks()).toEqual([]);
});

const hostEnd = async () =>
  /^\d+: (vdh[^@:]+)/m.exec(await ip('-o', 'link', 'show', 'type', 'veth'))![1]!;

describe('the links of a network are put right', () => {
  it.each<[string, string[]]>([
    ['VLAN link out of the bridge', ['link', 'set', 'eth1.500', 'nomaster']],
    ['VLAN link down', ['link', 'set', 'eth1.500', 'down']],
    ['bridge down', ['link', 'set', 'br500', 'down']],
    ['bridge deleted', ['link', 'delete', 'br500']],
    ['VLAN link deleted', ['link', 'delete', 'eth1.500']],
    ['port out of the bridge', ['link', 'set', 'PORT', 'nomaster']],
    ['bridge renamed', ['link', 'set', 'br500', 'name', 'brx']],
  ])('%s', async (what, disturb) => {
    const row = outcome('E', `${what}, engine 28`);
    await until('it answers', () => firewallReaches(address));
    const port = await hostEnd();
    await ip(...disturb.map((word) => (word === 'PORT' ? port : word)));
    const from = performance.now();
    await until('all is as it was', async () => {
      const links = await ip('-br', 'link', 'show', 'master', 'br500').catch(() => '');
      return /eth1\.500\S*\s+UP/.test(links) && /vdh\S+\s+UP/.test(links);
    });
    row.mendMs = performance.now() - from;
    await until('it answers again', () => firewallReaches(address));
    await docker('run', '--rm', '--net=fw500', 'bb', 'true');
    const log = await daemonLog('vlandhcp');
    expect(log).toContain('wiring mended');
    row.seen = 'the container is reached again, the next one starts';
    row.leftovers = 0;
  });

  it('a bridge of the operator is waited for, and gets back what was attached to it', async () => {
    const row = outcome('E', "the operator's bridge deleted and made again, engine 28");
    const makeBridge = async () => {
      await ip('link', 'add', 'br0', 'type', 'bridge', 'forward_delay', '0');
      await ip('link', 'set', 'br0', 'up');
    };
    await makeBridge();
    try {
      await docker(...networkCommand('fw600', ['parent=eth1', 'vlan=600', 'bridge=br0']));
      await docker('run', '-d', '--name', 'other', '--net=fw600', 'bb');
      const other = (await attachment('other', 'fw600')).address;
      await until('it answers', () => firewallReaches(other));
      await ip('link', 'delete', 'br0');
      await expect(docker('run', '--rm', '--net=fw600', 'bb', 'true')).rejects.toThrow(
        /link br0 for VLAN 600 of eth1 is not there; it is not one of ours/,
      );
      await makeBridge(); // fails if the plugin has made one
      const from = performance.now();
      await until('it answers again', () => firewallReaches(other));
      row.mendMs = performance.now() - from;
      await docker('rm', '-f', 'other');
      await docker('network', 'rm', 'fw600');
      row.seen = 'docker run names it; not made by us; ports and VLAN link are back in it';
      row.leftovers = 0;
    } finally {
      await ip('link', 'delete', 'br0').catch(() => undefined); // already gone if the test failed
    }
  });

  it('a parent that is down is the reason that docker run tells, not the switch', async () => {
    const row = outcome('E', 'parent down, docker run, engine 28');
    await ip('link', 'set', 'eth1', 'down');
    try {
      const failed = docker('run', '--rm', '--net=fw500', 'bb', 'true');
      await expect(failed).rejects.toThrow(
        /parent link eth1 is down; bring it up with: ip link set eth1 up/,
      );
    } finally {
      await ip('link', 'set', 'eth1', 'up');
    }
    await until('it answers again', () => firewallReaches(address));
    row.seen = 'parent link eth1 is down; bring it up with: ip link set eth1 up';
    row.leftovers = 0;
  });
});
