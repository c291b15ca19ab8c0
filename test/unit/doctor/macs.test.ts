/** What the doctor says of MACs that do not pass. */
import { expect, it } from 'vitest';
import { judgeMacs, type MacFacts } from '../../../plugin/doctor/macs.ts';

const BOX = { mac: '02:00:00:00:00:0a', isAnswered: true };
const WEB = { mac: '02:00:00:00:00:0b', isAnswered: true };
const facts = (parts: Partial<MacFacts> = {}): MacFacts => ({
  ...{ segment: 'VLAN 500 of eth1', parent: 'eth1', driver: undefined, isThere: true },
  ...{ neighbour: '10.50.0.1', containers: [BOX] },
  ...parts,
});
const DROPPED = { ...BOX, isAnswered: false };

it('without evidence nothing is said', () => {
  expect(judgeMacs([facts({ isThere: false, containers: [DROPPED] })])).toEqual([]);
  expect(judgeMacs([facts({ containers: [] })])).toEqual([]);
});

it('MACs that pass are told', () => {
  expect(judgeMacs([facts({ containers: [BOX, WEB] })])).toEqual([
    {
      ...{ level: 'ok', check: 'macs', subject: 'VLAN 500 of eth1' },
      text: 'VLAN 500 of eth1: 10.50.0.1 answers the MAC of eth1, and those of containers',
    },
  ]);
});

it('one of two that does not pass is a limit of the port', () => {
  expect(judgeMacs([facts({ containers: [DROPPED, WEB], driver: 'vmxnet3' })])).toMatchObject([
    {
      level: 'warn',
      text: 'VLAN 500 of eth1: 10.50.0.1 answers the MAC of eth1, and not 02:00:00:00:00:0a of a container: some MACs do not pass, as with a limit of MACs',
      mend: expect.stringMatching(/^raise the limit of MACs of the switch port/) as string,
    },
  ]);
});

it.each([
  [undefined, /^raise the limit .*; in a virtual machine let the virtual switch pass other MACs$/],
  ['vmxnet3', /\(VMware\): accept promiscuous mode, MAC address changes and forged transmits/],
  ['hv_netvsc', /Set-VMNetworkAdapter -VMName VM -MacAddressSpoofing On/],
  ['virtio_net', /libvirt: filterref; Proxmox: MAC filter/],
  ['xen_netfront', /\(Xen\): unlock the MAC/],
  ['ena', /passes no MAC but that of the card; make the network with -o mode=ipvlan$/],
  ['iavf', /spoofchk off trust on/],
])('what mends it depends on the driver: %s', (driver, mend) => {
  const [finding] = judgeMacs([facts({ containers: [DROPPED], driver })]);
  expect(finding).toMatchObject({ level: 'warn', mend: expect.stringMatching(mend) as string });
});
