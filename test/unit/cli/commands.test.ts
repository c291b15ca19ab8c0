/** What the commands of `docker vlandhcp` print is golden text. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { VlanAnswer } from '../../../plugin/leasing/segment/trunk-probe.ts';
import { termsOf } from '../../../plugin/state/records.ts';
import type { LeaseEntry } from '../../../plugin/state/status/lease-list.ts';
import { cliSite, BOX, GONE, masked, ofBox, text } from '../../support/pages/cli-site.ts';
import { NETWORK_ID } from '../../support/fakes/lease-entries.ts';
import { ip, lease, mac } from '../../support/frames/messages.ts';

const site = cliSite();
const renewed = () =>
  site.bus.emit({ type: 'lease.renewed', ...ofBox, family: 4, address: '10.50.0.23', server: '10.50.0.1' }); // prettier-ignore

describe('probe', () => {
  const answer = (vlan: number, server: string, askedVlan?: number): VlanAnswer => ({
    ...{ vlan, server: ip(server), serverMac: mac('02:00:00:00:00:01'), askedVlan },
    ...{ terms: termsOf(lease({ address: ip('10.50.0.100') })), roundTripMs: 2.4 },
  });

  it('VLANs with a server, and what is odd about them', async () => {
    site.found = [answer(0, '10.0.0.1'), answer(500, '10.50.0.1'), answer(600, '10.60.0.1', 10)];
    expect(await site.type('probe --parent eth1')).toEqual({
      exit: 0,
      printed: text(
        'VLAN  SERVER     OFFER           GATEWAY    ROUND TRIP  SERVER MAC         NOTE',
        'none  10.0.0.1   10.50.0.100/24  192.0.2.1  2 ms        02:00:00:00:00:01',
        '500   10.50.0.1  10.50.0.100/24  192.0.2.1  2 ms        02:00:00:00:00:01',
        '600   10.60.0.1  10.50.0.100/24  192.0.2.1  2 ms        02:00:00:00:00:01  answers what was asked on VLAN 10: the two are joined somewhere',
      ),
    });
  });

  it('no VLAN answers: exit 2', async () => {
    expect(await site.type('probe --parent eth1 --vlans 7')).toEqual({
      ...{ exit: 2, printed: text('no DHCP server answers on VLAN 7 of eth1') },
    });
  });

  it('a list that is none: one sentence', async () => {
    expect(await site.type('probe --parent eth1 --vlans many')).toMatchObject({
      error: expect.stringContaining('is not a list of VLANs') as string,
    });
  });
});

describe('events', () => {
  beforeEach(() => {
    renewed();
    site.bus.emit({
      type: 'call.finished',
      call: 'NetworkDriver.Join',
      ms: 7,
      endpoint: BOX.endpoint,
    });
    site.bus.emit({
      type: 'server.refused',
      ...ofBox,
      server: '10.50.0.1',
      text: 'go \u001b[31maway',
    });
  });

  it('without calls of Docker, and with no byte that moves the cursor', async () => {
    expect(masked((await site.type('events')).printed)).toBe(
      text(
        'TIME                 TYPE            NETWORK  CONTAINER  TEXT',
        'TIME  lease.renewed   fw500    box        10.50.0.23, server 10.50.0.1',
        'TIME  server.refused  fw500    box        NAK, server 10.50.0.1: go ?[31maway',
      ),
    );
  });

  it.each([
    ['--all', [1, 2, 3]],
    ['--type call.finished', [2]],
    ['--since 1', [3]],
    ['--since 2h', [1, 3]],
    ['--network fw500', [1, 3]],
  ])('events %s', async (options, ids) => {
    const { printed = '' } = await site.type(`events ${options} --format '{{.ID}}'`);
    expect(printed.split('\n').filter(Boolean).map(Number)).toEqual(ids);
  });

  it('--follow goes on until the person ends it', async () => {
    const ended = new AbortController();
    let printed = '';
    const print = (line: string) => {
      printed += `${line}\n`;
      if (printed.includes('server.refused') && !printed.includes('link.gone')) {
        site.bus.emit({ type: 'link.gone', link: 'br500', network: NETWORK_ID });
      }
      if (printed.includes('link.gone')) ended.abort();
    };
    await site.type('events --follow', { print, ended: ended.signal });
    expect(masked(printed)).toBe(
      text(
        'TIME  lease.renewed     fw500  box  10.50.0.23, server 10.50.0.1',
        'TIME  server.refused    fw500  box  NAK, server 10.50.0.1: go ?[31maway',
        'TIME  link.gone         fw500  br500',
      ),
    );
  });
});

describe('renew and release', () => {
  it('the answer of the server is waited for', async () => {
    site.leases = [BOX];
    site.renewing = renewed;
    const { exit, printed } = await site.type('renew box');
    expect([exit, masked(printed)]).toEqual([
      0,
      text('10.50.0.23/24 is renewed until TIME by 10.50.0.1'),
    ]);
  });

  it('no answer: exit 2, and another family or host is no answer', async () => {
    site.renewing = () => {
      site.bus.emit({ type: 'lease.renewed', ...ofBox, family: 6, address: '2001:db8::5' });
      site.bus.emit({
        type: 'lease.renewed',
        ...ofBox,
        mac: GONE.mac,
        family: 4,
        address: '10.50.0.24',
      });
    };
    expect(await site.type('renew 10.50.0.23', { answerWithinMs: 200 })).toEqual({
      exit: 2,
      printed: text(
        '10.50.0.23 is not renewed: 10.50.0.1 did not answer within 0.2 s; the lease goes on, and the plugin goes on asking',
      ),
    });
  });

  it('a NAK: exit 2', async () => {
    site.renewing = () => site.bus.emit({ type: 'server.refused', ...ofBox, server: '10.50.0.1', text: undefined }); // prettier-ignore
    expect(await site.type('renew 10.50.0.23')).toEqual({
      exit: 2,
      printed: text(
        '10.50.0.23 is not renewed: 10.50.0.1 refused, and the container asks for another address',
      ),
    });
  });

  it('a held lease is given back', async () => {
    expect(await site.type('release 10.50.0.24')).toEqual({
      exit: 0,
      printed: text('10.50.0.24/24 is given back to 10.50.0.1'),
    });
  });
});

it('metrics prints what the plugin tells Prometheus', async () => {
  expect((await site.type('metrics')).printed).toBe('vlandhcp_x 1\n');
});

describe('report', () => {
  it('has no name, address, MAC or id, and the same stand-in for each everywhere', async () => {
    renewed();
    site.bus.emit({
      type: 'server.refused',
      ...ofBox,
      server: '10.50.0.1',
      text: 'mail.example.net',
    });
    const { printed = '' } = await site.type('report -');
    for (const secret of ['10.50.', BOX.mac, NETWORK_ID.slice(0, 12), 'example.net', 'box']) {
      expect(printed).not.toContain(secret);
    }
    const report = JSON.parse(printed) as { leases: LeaseEntry[]; events: { mac: string }[] };
    expect(report.leases[1]?.mac).toBe(report.events[0]?.mac);
    expect(report.leases[1]?.segment).toBe('VLAN 500 of eth1');
  });

  it('is written to a new file only', async () => {
    const file = join(site.folder, 'report.json');
    expect((await site.type(`report ${file}`)).printed).toContain(`${file} is written`);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ commandVersion: '0.1.0' });
    expect((await site.type(`report ${file}`)).error).toContain(
      'the report was not written: EEXIST',
    );
  });
});

it.each(['bash', 'zsh', 'fish'])(
  'completion %s has each command and its options',
  async (shell) => {
    const { printed = '' } = await site.type(`completion ${shell}`);
    for (const word of ['networks', 'leases', 'watch', 'follow', 'report']) {
      expect(printed).toContain(word);
    }
  },
);

it('--help tells the exit codes', async () => {
  let printed = '';
  await site.type('--help', { print: (part) => void (printed += part) });
  expect(printed).toContain(
    '  2  the command worked, and a container or the host is without a lease',
  );
});
