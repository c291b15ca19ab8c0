/** What the plugin's own checks say: facts, and the one sentence that follows of them. */
import { describe, expect, it } from 'vitest';
import type { Finding } from '../../../plugin/doctor/finding.ts';
import { judgeKeeping, type KeepingFacts } from '../../../plugin/doctor/keeping.ts';
import {
  judgeSegments,
  type OfferFact,
  type TrunkFacts,
  type SegmentFacts,
} from '../../../plugin/doctor/segments.ts';

const said = (findings: readonly Finding[]) => findings.map(({ level, text }) => `${level} ${text}`); // prettier-ignore

describe('the segments', () => {
  const offer = (server: string, parts: Partial<OfferFact> = {}): OfferFact => ({
    ...{ vlan: 500, server, serverMac: '02:00:00:00:00:01', askedVlan: undefined },
    ...parts,
  });
  const segment = (parts: Partial<SegmentFacts> = {}): SegmentFacts => ({
    ...{ options: { parent: 'eth1', vlan: 500 }, allowed: [], denied: [], known: [] },
    ...parts,
  });
  const judged = (
    offers: readonly OfferFact[],
    parts?: Partial<SegmentFacts>,
    { trouble, heard = [], outerVlan }: Partial<TrunkFacts> = {},
  ) =>
    said(
      judgeSegments([
        { link: 'eth1', outerVlan, trouble, offers, heard, segments: [segment(parts)] },
      ]),
    );
  const gone = { server: '10.50.0.1', answersAs: undefined };

  it.each<[string, readonly string[], readonly string[]]>([
    [
      'one server',
      judged([offer('10.50.0.1')]),
      ['ok VLAN 500 of eth1: server 10.50.0.1 offers an address'],
    ],
    [
      'one server on a link without a tag',
      judged([offer('10.50.0.1', { vlan: 0 })], { options: { parent: 'eth1', vlan: undefined } }),
      ['ok eth1 (untagged): server 10.50.0.1 offers an address'],
    ],
    [
      'two servers',
      judged([offer('10.50.0.1'), offer('10.50.0.2', { serverMac: '02:00:00:00:00:02' })]),
      [
        'warn VLAN 500 of eth1: 2 DHCP servers answer: 10.50.0.1 (02:00:00:00:00:01) and 10.50.0.2 (02:00:00:00:00:02)',
      ],
    ],
    [
      'two servers, of which dhcp_server= names one',
      judged([offer('10.50.0.1'), offer('10.50.0.2')], { allowed: ['10.50.0.2'] }),
      ['ok VLAN 500 of eth1: server 10.50.0.2 offers an address'],
    ],
    [
      'two servers, and dhcp_server= names both',
      judged([offer('10.50.0.1'), offer('10.50.0.2')], { allowed: ['10.50.0.2', '10.50.0.1'] }),
      [
        'ok VLAN 500 of eth1: servers 10.50.0.1, 10.50.0.2 offer an address, as dhcp_server= names them',
      ],
    ],
    [
      'two servers, of which dhcp_deny= names one',
      judged([offer('10.50.0.1'), offer('10.50.0.2')], { denied: ['10.50.0.2'] }),
      ['ok VLAN 500 of eth1: server 10.50.0.1 offers an address'],
    ],
    [
      'only a server that dhcp_deny= names',
      judged([offer('10.50.0.9')], { denied: ['10.50.0.9'] }),
      ['fail VLAN 500 of eth1: only 10.50.0.9 answers, and dhcp_deny= names 10.50.0.9'],
    ],
    [
      'a server behind two tags',
      judged(
        [offer('10.50.0.1')],
        { options: { parent: 'eth1', vlan: '10.500' } },
        { outerVlan: 10 },
      ),
      ['ok VLAN 10.500 of eth1: server 10.50.0.1 offers an address'],
    ],
    [
      'a wrong inner tag',
      judged(
        [offer('10.50.0.1', { vlan: 501 }), offer('10.9.0.1', { vlan: 0 })],
        { options: { parent: 'eth1', vlan: '10.500' } },
        { outerVlan: 10 },
      ),
      [
        'fail VLAN 10.500 of eth1: no DHCP server answers, and on VLAN 10.501, VLAN 10 without a second tag one does: the tag is probably wrong',
      ],
    ],
    [
      'only a server that does not count',
      judged([offer('10.50.0.9')], { allowed: ['10.50.0.1'] }),
      ['fail VLAN 500 of eth1: only 10.50.0.9 answers, and dhcp_server= names 10.50.0.1'],
    ],
    [
      'two VLANs that are joined',
      judged([offer('10.10.0.1', { askedVlan: 10 })]),
      [
        'fail VLAN 500 of eth1: a question on VLAN 10 is answered on VLAN 500 by 10.10.0.1: the two VLANs are joined somewhere',
      ],
    ],
    ['no server at all', judged([]), ['fail VLAN 500 of eth1: no DHCP server answers']],
    [
      'a tag that is probably wrong',
      judged([offer('10.0.0.1', { vlan: 0 }), offer('10.50.0.1', { vlan: 501 })]),
      [
        'fail VLAN 500 of eth1: no DHCP server answers, and on the untagged VLAN, VLAN 501 one does: the tag is probably wrong',
      ],
    ],
    [
      'a tag of which nobody is heard, far from the right one',
      judged([], {}, { heard: [0, 10, 600] }),
      [
        'fail VLAN 500 of eth1: no DHCP server answers, and no host of this VLAN is heard, but hosts of VLAN 10, VLAN 600: the tag is probably wrong, or the port does not carry it',
      ],
    ],
    [
      'a VLAN with hosts and without a server',
      judged([], {}, { heard: [500] }),
      [
        'fail VLAN 500 of eth1: no DHCP server answers, and hosts of this VLAN are heard: its server or relay is missing',
      ],
    ],
    [
      'hosts without a tag say nothing of a tag',
      judged([], {}, { heard: [0] }),
      ['fail VLAN 500 of eth1: no DHCP server answers'],
    ],
    [
      'a server that was there before; other VLANs say nothing of it',
      judged([offer('10.60.0.1', { vlan: 501 })], { known: [gone] }),
      [
        'fail VLAN 500 of eth1: no DHCP server answers, and 10.50.0.1, which leased here before, does not answer by ARP: the server is down, or the VLAN does not reach this port',
      ],
    ],
    [
      'a server that is there and silent',
      judged([], { known: [gone, { server: '10.50.0.2', answersAs: '02:00:00:00:00:02' }] }),
      [
        'warn VLAN 500 of eth1: server 10.50.0.2 is there (02:00:00:00:00:02) and offers no address: its pool is exhausted, or it serves known MACs only',
      ],
    ],
    [
      'a trunk that cannot be asked',
      judged([], {}, { trouble: 'no such link' }),
      ['warn no VLAN of eth1 could be asked: no such link'],
    ],
  ])('%s', (_, seen, expected) => expect(seen).toEqual(expected));

  it('each complaint says what mends it', () => {
    const parents: TrunkFacts[] = [
      {
        ...{ link: 'eth1', outerVlan: undefined, trouble: undefined },
        offers: [],
        heard: [],
        segments: [segment()],
      },
    ];
    expect(judgeSegments(parents)[0]?.mend).toBe(
      'start the server or relay of this VLAN, and let the switch port carry the VLAN: tcpdump -e -n -i eth1 vlan 500 and udp port 67',
    );
  });
});

describe('clock, disk and records', () => {
  const DISK = { free: 5e9, size: 1e10, freeFiles: 1e6, isWritable: true };
  const healthy: KeepingFacts = {
    ...{ clockSteps: [0, -900, 1200], aheadMs: 0, folder: '/state', isComplete: true },
    disk: DISK,
  };
  const wrong = (parts: Partial<KeepingFacts>) =>
    said(judgeKeeping({ ...healthy, ...parts }).filter(({ level }) => level !== 'ok'));

  it.each<[string, Partial<KeepingFacts>, readonly string[]]>([
    ['healthy', {}, []],
    ['no lease at all', { clockSteps: [] }, []],
    ['a step of a minute, as NTP may do', { clockSteps: [60_000] }, []],
    [
      'a clock that was set back',
      { clockSteps: [100, -86_400_000] },
      [
        'fail the clock of this host was set back by 24 h since leases were made; the times that are shown are wrong by that much',
      ],
    ],
    [
      'a clock that was set forward',
      { clockSteps: [61_000] },
      [
        'fail the clock of this host was set forward by 61 s since leases were made; the times that are shown are wrong by that much',
      ],
    ],
    [
      'a lease of the future, of another boot',
      { aheadMs: 600_000 },
      ['fail a lease was made 10 min in the future: the clock of this host is slow'],
    ],
    [
      'little space',
      { disk: { ...DISK, free: 20e6 } },
      ['warn only 20 MB are free where leases are stored'],
    ],
    [
      'no space',
      { disk: { ...DISK, free: 1e6 } },
      ['fail only 1 MB are free where leases are stored'],
    ],
    ['a file system without a limit of files', { disk: { ...DISK, freeFiles: undefined } }, []],
    [
      'few inodes',
      { disk: { ...DISK, freeFiles: 30 } },
      ['warn only 30 more files can be made where leases are stored (inodes)'],
    ],
    [
      'no inodes',
      { disk: { ...DISK, freeFiles: 1 } },
      ['fail only 1 more files can be made where leases are stored (inodes)'],
    ],
    [
      'a file system that became read-only',
      { disk: { ...DISK, isWritable: false } },
      ['fail /state is read-only, so no lease can be stored'],
    ],
    [
      'a folder that cannot be read',
      { disk: undefined },
      ['warn the free space of /state is not known'],
    ],
    [
      'a record that was not read',
      { isComplete: false },
      ['fail a record could not be read when the plugin started, so nothing is removed'],
    ],
  ])('%s', (_, parts, expected) => expect(wrong(parts)).toEqual(expected));
});
