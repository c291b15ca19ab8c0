/** A kernel that cannot filter on links. Networks work, and it is said once. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { linuxHost } from '../../../plugin/net/host.ts';
import { SystemCallError } from '../../../plugin/net/libc.ts';
import {
  addParent,
  enterSandbox,
  linkNames,
  linkSnapshot,
  type Sandbox,
} from '../../support/lab/netns.ts';

const ENOENT = 2;

// What a kernel without sch_ingress says to the request.
vi.mock(import('../../../plugin/net/guard/ingress-filter.ts'), async (original) => ({
  ...(await original()),
  setIngressFilters: () => Promise.reject(new SystemCallError('adding a qdisc', ENOENT)),
}));

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = enterSandbox();
  addParent('eth1', 'port1');
});
afterEach(() => sandbox.dispose());

const LACK =
  'this kernel cannot filter what enters a link (it lacks sch_ingress or cls_bpf): containers may take the MAC of a neighbour, may send tagged frames, BPDUs, DHCP server messages and router advertisements, and may reach the host; load the modules with: modprobe -a sch_ingress cls_bpf';

test('one sentence at the first network says what is not guarded, and every mode works', async () => {
  const before = linkSnapshot();
  const warnings: string[] = [];
  for (const mode of ['macvlan', 'ipvlan', 'bridge'] as const) {
    const bridge = mode === 'bridge' ? 'br500' : undefined;
    const spec = { parent: 'eth1', vlan: 500, mode, bridge, mtu: undefined } as const;
    warnings.push(...(await linuxHost.ensureNetworkLinks(spec)).warnings);
    expect(linkNames()).toContain('eth1.500');
    await linuxHost.removeNetworkLinks({ ...spec, vlanLink: 'eth1.500', uplinkPort: true });
  }
  expect(warnings).toEqual([LACK]);
  expect(linkSnapshot()).toEqual(before);
});
