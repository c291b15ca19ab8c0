/**
 * The promise of issue 3 as a table: each fault, and what it costs a container that is pinged a
 * hundred times a second. Every row is asserted. The plugin runs as a plain service. In
 * managed.test.ts it runs as a managed plugin.
 */
import { rm, writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  attachment,
  daemonLog,
  docker,
  dockerRefuses,
  firewallComesToReach,
  ip,
  lab,
  labWith,
  run,
  startOnFirewall,
  until,
} from '../support/lab/lab.ts';
import { createFw500, site } from '../support/lab/site.ts';
import {
  addressOf,
  survives,
  type Row,
  cleanUp,
  fault,
  isRunning,
  powerCut,
  printTable,
  runBox,
  stateFiles,
} from './rows.ts';

let row: Row | undefined;

const pluginLog = () => daemonLog('vlandhcp');
/** Waits until the plugin has written `text` once more than before. */
async function said(text: string, act?: () => Promise<unknown>): Promise<void> {
  const count = async () => (await pluginLog()).split(text).length;
  const before = await count();
  await act?.();
  await until(`the plugin says ${text}`, async () => (await count()) > before);
}
const place = site({ clearsAfterEach: false });
beforeEach(() => void (row = undefined));
afterAll(printTable);

describe('the plugin as a service', () => {
  afterEach(() => cleanUp(row, place));

  describe('the plugin', () => {
    it('killed and started again: nobody notices', async () => {
      row = fault('plugin kill -9 and restart', 'udhcpd');
      await lab('server-up', 'udhcpd-no-arp', '500');
      await createFw500();
      await runBox();
      await survives(row, 'no packet is lost', async () => {
        await lab('service-kill');
        await lab('service-up');
      });
    });

    it('renews without a lost packet', async () => {
      row = fault('two renewals', 'isc');
      await labWith({ LEASE: '8' }, 'server-up', 'isc-no-ping', '500');
      await createFw500();
      await runBox();
      await survives(row, 'no packet is lost', async () => {
        await said('"lease renewed"');
        await said('"lease renewed"');
      });
    });
  });

  describe('docker restart of a container with id=', () => {
    it.each([['isc-no-ping'], ['dnsmasq-no-ping']])(
      'at %s: the same address by one REQUEST and one ACK',
      async (kind) => {
        row = fault('docker restart', kind.replace(/-no-.*/, ''));
        await lab('server-up', kind, '500');
        await createFw500('acd=off');
        await runBox();
        const { mac } = await attachment('box', 'fw500');
        const filter = ['udp', 'port', '67', 'or', 'vlan', '500', 'and', 'udp', 'port', '67'];
        await lab('capture-up', '-v', ...filter);
        try {
          await survives(row, 'a gap', () => docker('restart', '-t', '1', 'box'));
          const text = await daemonLog('capture');
          const types = [...text.matchAll(/DHCP-Message.*: (\w+)/g)].map(([, type]) => type);
          expect(text).toContain(mac);
          expect(types.map((type) => type?.toUpperCase())).toEqual(['REQUEST', 'ACK']);
        } finally {
          await lab('capture-down');
        }
      },
    );
  });

  describe('the DHCP server', () => {
    beforeEach(async () => {
      await labWith({ LEASE: '12' }, 'server-up', 'kea', '500');
      await createFw500('acd=off');
      await runBox();
    });
    const keaUp = () => labWith({ LEASE: '12' }, 'server-up', 'kea', '500');

    it('restarted with its lease database wiped: the renewal makes it anew', async () => {
      row = fault('server lease database wiped', 'kea');
      await survives(row, 'no packet is lost', async () => {
        await lab('server-down');
        await keaUp();
        await said('"lease renewed"');
      });
    });

    it('away until after T2', async () => {
      row = fault('server away until after T2', 'kea');
      await survives(row, 'a gap', async () => {
        await said('"to":"REBINDING"', () => lab('server-down'));
        await keaUp();
      });
    });

    it('away for longer than the lease: the address goes, and comes back with the server', async () => {
      row = fault('server away longer than the lease', 'kea');
      await survives(row, 'a gap', async () => {
        await lab('server-down');
        await until(
          'the address is removed',
          async () =>
            !(await docker('exec', 'box', 'ip', '-4', 'addr', 'show', 'eth0')).includes('inet '),
          25_000,
        );
        expect(await isRunning('box')).toBe(true);
        await keaUp();
      });
    });
  });

  it('the lease file of dnsmasq is wiped, and the container restarted', async () => {
    row = fault('lease file wiped, docker restart', 'dnsmasq');
    await lab('server-up', 'dnsmasq-no-ping', '500');
    await createFw500();
    await runBox();
    await survives(row, 'a gap', async () => {
      await lab('server-down');
      await rm('/run/lab/dnsmasq.leases');
      await lab('server-up', 'dnsmasq-no-ping', '500');
      await docker('restart', '-t', '1', 'box');
    });
  });

  it('a stranger refuses every lease it did not make (udhcpd beside dnsmasq)', async () => {
    row = fault('stranger that NAKs, docker restart', 'dnsmasq + udhcpd');
    await lab('server-up', 'dnsmasq-no-ping', '500');
    await createFw500('acd=off');
    await runBox();
    await writeFile('/run/lab/stranger.leases', '');
    await writeFile(
      '/run/lab/stranger.conf',
      [
        ...['interface eth0', 'start 10.50.0.200', 'end 10.50.0.220'],
        ...['lease_file /run/lab/stranger.leases', 'pidfile /run/lab/stranger.own-pid'],
        ...['opt lease 3600', 'opt subnet 255.255.255.0', ''],
      ].join('\n'),
    );
    // The stranger is a host of its own on the VLAN. On the firewall both servers would have one
    // server id.
    await ip('netns', 'add', 'stranger');
    const macvlan = ['link', 'trunk.500', 'name', 'stranger', 'type', 'macvlan', 'mode', 'bridge'];
    await ip('-n', 'fw', 'link', 'add', ...macvlan);
    await ip('-n', 'fw', 'link', 'set', 'stranger', 'netns', 'stranger', 'name', 'eth0');
    await ip('-n', 'stranger', 'address', 'add', '10.50.0.66/24', 'dev', 'eth0');
    await ip('-n', 'stranger', 'link', 'set', 'eth0', 'up');
    const udhcpd = ['busybox', 'udhcpd', '-f', '-a', '0', '/run/lab/stranger.conf'];
    const stranger = startOnFirewall('ip', 'netns', 'exec', 'stranger', ...udhcpd);
    try {
      await lab('capture-up', '-v');
      await survives(row, 'a gap', () => docker('restart', '-t', '1', 'box'));
      const heard = await daemonLog('capture');
      expect(heard).toMatch(/DHCP-Message.*NACK/);
      expect(heard).not.toMatch(/DHCP-Message.*Discover/);
    } finally {
      await lab('capture-down');
      await stranger.stop();
      await ip('netns', 'delete', 'stranger');
    }
  });

  describe('dockerd', () => {
    const engineUp = (...flags: string[]) => lab('engine-up', ...flags);
    beforeEach(() => lab('server-up', 'dnsmasq-no-ping', '500'));
    const backAgain = () => until('the box runs again', () => isRunning('box'), 60_000);

    it('restarted with live-restore: nobody notices', async () => {
      row = fault('dockerd restart, live-restore', 'dnsmasq');
      await lab('engine-down');
      await engineUp('--live-restore');
      await createFw500();
      await runBox();
      await survives(row, 'no packet is lost', async () => {
        await lab('engine-down');
        await engineUp('--live-restore');
      });
      await cleanUp(row, place);
      await lab('engine-down');
      await engineUp();
    });

    it('restarted without live-restore: the container comes back with its address', async () => {
      row = fault('dockerd restart', 'dnsmasq');
      await createFw500();
      await runBox('box', '--restart=always');
      await survives(row, 'a gap', async () => {
        await lab('engine-down');
        await engineUp();
        await backAgain();
      });
    });

    it('killed: the container comes back with its address', async () => {
      row = fault('dockerd kill -9', 'dnsmasq');
      await createFw500();
      await runBox('box', '--restart=always');
      await survives(row, 'a gap', async () => {
        await lab('engine-kill');
        await engineUp();
        await backAgain();
      });
    });
  });

  it('the host is booted again and no DHCP server is up', async () => {
    row = fault('host reboot, server down', 'dnsmasq');
    await lab('server-up', 'dnsmasq-no-ping', '500');
    await createFw500();
    await runBox('box', '--restart=always');
    await runBox('second', '--restart=always');
    await docker('run', '-d', '--restart=always', '--name', 'random', '--net=fw500', 'bb');
    const second = await addressOf('second');
    await survives(row, 'a gap', async () => {
      await lab('server-down');
      await powerCut(['box', 'second', 'random']);
      await lab('engine-up');
      await docker('ps');
      await until('both run', async () => (await isRunning('box')) && isRunning('second'));
    });
    await firewallComesToReach(second);
    expect(await isRunning('random')).toBe(false);
    expect(await docker('inspect', '-f', '{{.State.Error}}', 'random')).toContain(
      'no DHCP server answered',
    );
    await lab('server-up', 'dnsmasq-no-ping', '500');
    await docker('start', 'random');
  });

  it('a full disk: docker says so, and nothing is left', async () => {
    await lab('server-up', 'dnsmasq-no-ping', '500');
    await createFw500();
    const tmpfs = ['-t', 'tmpfs', '-o', 'size=16k,nr_inodes=16', 'tmpfs'];
    const folder = '/var/lib/vlandhcp/leases';
    await run('mount', [...tmpfs, folder]);
    try {
      await run('sh', ['-c', `head -c 100000 /dev/zero > ${folder}/fill; true`]);
      expect(await dockerRefuses('run', '-d', '--name', 'box', '--net=fw500', 'bb')).toMatch(
        /state cannot be written to .*ENOSPC/,
      );
      expect(await ip('-br', 'link')).not.toContain('vdh');
      expect((await stateFiles()).filter((name) => name.startsWith('leases'))).toEqual([]);
    } finally {
      await run('umount', [folder]);
    }
    await docker('rm', '-f', 'box');
    await runBox();
    await firewallComesToReach(await addressOf());
  });
});
