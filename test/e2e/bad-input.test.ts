/** Mistakes of a person. Each gets one clear sentence, and nothing is left behind. */
import { beforeEach, describe, expect, it } from 'vitest';
import { docker, dockerRefuses, ip, links, networkCommand } from '../support/lab/lab.ts';
import { site } from '../support/lab/site.ts';

site();

const create = (...options: string[]) => networkCommand('bad', options);

describe('docker network create', () => {
  it.each([
    [['vlan=500'], /parent=LINK is missing/],
    [['parent=eth1', 'vlna=500'], /-o vlna is unknown; known are parent, vlan/],
    [['parent=eth1', 'vlan=0'], /-o vlan=0 is not a VLAN id from 1 to 4094/],
    [['parent=eth1', 'vlan=4095'], /-o vlan=4095 is not a VLAN id/],
    [['parent=eth1', 'vlan=abc'], /-o vlan=abc is not a VLAN id/],
    [['parent=eth 1'], /-o parent="eth 1" is not a link name/],
    [['parent=../eth1'], /-o parent=\S+ is not a link name/],
    [['parent=eth1\nlink'], /-o parent="eth1\\+nlink" is not a link name/],
    [['parent=abcdefghijklmnop'], /-o parent=abcdefghijklmnop is not a link name/],
    [['parent=-eth1'], /-o parent=-eth1 is not a link name/],
    [['parent=eth1', 'vlan=500', 'bridge=br/500'], /-o bridge=br\/500 is not a link name/],
    [['parent=eth1', 'vlan=500', 'mtu=9000'], /MTU 9000 is more than the 1500 of eth1/],
    [['parent=eth1', 'vlan=500', 'lease_timeout=26s'], /-o lease_timeout=26s is not a number/],
    [['parent=eth9', 'vlan=500'], /eth9.* does not exist/],
    [
      ['parent=eth1', 'vlan=9999', 'bridge=-', 'x=y'],
      /-o bridge=- is .*; -o vlan=9999 is .*; -o x is unknown/,
    ],
  ])('%j is refused with the reason', async (options, sentence) => {
    expect(await dockerRefuses(...create(...options))).toMatch(sentence);
  });

  it("refuses Docker's own address pool and says what to type instead", async () => {
    const words = await dockerRefuses(
      ...['network', 'create', '-d', 'vlandhcp', '-o', 'parent=eth1', '-o', 'vlan=500', 'bad'],
    );
    expect(words).toContain('--ipam-driver null -o parent=eth1 -o vlan=500 NAME');
  });

  it('refuses a parent that is down', async () => {
    await ip('link', 'set', 'eth1', 'down');
    try {
      expect(await dockerRefuses(...create('parent=eth1', 'vlan=500'))).toMatch(/eth1.*down/);
    } finally {
      await ip('link', 'set', 'eth1', 'up');
    }
  });

  it('refuses a parent that is a port of somebody else’s bridge', async () => {
    await ip('link', 'add', 'theirs', 'type', 'bridge');
    try {
      await ip('link', 'set', 'eth1', 'master', 'theirs');
      expect(await dockerRefuses(...create('parent=eth1', 'vlan=500'))).toMatch(/eth1.*theirs/);
    } finally {
      await ip('link', 'del', 'theirs');
    }
  });

  it("refuses to take a parent with the host's own address into a bridge", async () => {
    await ip('addr', 'add', '10.20.0.5/24', 'dev', 'eth2');
    try {
      expect(await dockerRefuses(...create('parent=eth2'))).toMatch(/eth2.*10\.20\.0\.5/);
      expect(await ip('-br', 'addr', 'show', 'eth2')).toContain('10.20.0.5/24');
    } finally {
      await ip('addr', 'del', '10.20.0.5/24', 'dev', 'eth2');
    }
  });

  it('refuses the bridge of one VLAN for another', async () => {
    await docker(...networkCommand('fw500'));
    const words = await dockerRefuses(...create('parent=eth1', 'vlan=600', 'bridge=br500'));
    expect(words).toMatch(/br500.*VLAN 500 of eth1/);
    expect(await ip('-br', 'link')).not.toContain('eth1.600');
  });

  it('shares the links of one VLAN between two networks until the last is gone', async () => {
    for (const name of ['one', 'two']) {
      await docker(...networkCommand(name));
    }
    await docker('network', 'rm', 'one');
    expect(await ip('-br', 'link')).toMatch(/br500[^]*eth1\.500|eth1\.500[^]*br500/);
    await docker('network', 'rm', 'two');
    expect(await ip('-br', 'link')).not.toMatch(/br500|eth1\.500/);
  });

  it('uses links that were there before and leaves them there', async () => {
    await ip('link', 'add', 'link', 'eth1', 'name', 'vlan500', 'type', 'vlan', 'id', '500');
    await ip('link', 'add', 'br500', 'type', 'bridge', 'forward_delay', '0');
    try {
      await ip('link', 'set', 'vlan500', 'up');
      await ip('link', 'set', 'br500', 'up');
      const before = await links();
      await docker(...networkCommand('fw500'));
      expect(await ip('link', 'show', 'vlan500')).toContain('master br500');
      await docker('network', 'rm', 'fw500');
      expect(await links()).toBe(before);
    } finally {
      await ip('link', 'del', 'br500');
      await ip('link', 'del', 'vlan500');
    }
  });
});

describe('docker run', () => {
  beforeEach(async () => {
    await docker(...networkCommand('fw500', ['parent=eth1', 'vlan=500', 'lease_timeout=3s']));
  });

  const runWith = (network: string, ...more: string[]) => [
    ...['run', '-d', '--name', 'box', '--network', network, ...more, 'bb'],
  ];

  it.each([
    [
      runWith('name=fw500,driver-opt=idd=x'),
      /driver-opt idd is unknown; known are id, mac, hostname/,
    ],
    [runWith('name=fw500,driver-opt=ip=10.50'), /driver-opt ip=10\.50 is not an IPv4 address/],
    [runWith('name=fw500,driver-opt=hostname=a_b'), /driver-opt hostname=a_b is not a host name/],
    [runWith('fw500', '--mac-address', '01:00:5e:00:00:01'), /--mac-address .* is not a MAC/],
    [
      runWith('name=fw500,driver-opt=id=asterisk', '--mac-address', '02:00:00:00:00:01'),
      /id=asterisk means MAC 02:74:52:1f:fe:e0, but --mac-address is 02:00:00:00:00:01/,
    ],
  ])('%j is refused with the reason', async (command, sentence) => {
    expect(await dockerRefuses(...command)).toMatch(sentence);
    expect(await ip('-br', 'link')).not.toContain('vdh');
  });
});
