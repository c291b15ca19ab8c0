/** What the command line's own checks say: facts, and the one sentence that follows of them. */
import { describe, expect, it } from 'vitest';
import { checkHost } from '../../../cli/doctor/check-host.ts';
import { checkKernel, checkLinks, checkStale } from '../../../cli/doctor/check-links.ts';
import { checkContainers, checkPlugin } from '../../../cli/doctor/check-plugin.ts';
import type { Facts, HostFacts, LinkFact, NetworkFact } from '../../../cli/doctor/facts.ts';
import { leaseEntry, NETWORK_ID } from '../../support/fakes/lease-entries.ts';

const link = (name: string, parts: Partial<LinkFact> = {}): LinkFact => ({
  ...{ name, isUp: true, hasCarrier: true, mtu: 1500, kind: undefined, alias: undefined },
  ...{ master: undefined, lower: undefined, vlan: undefined, hasStp: false },
  ...{ altNames: [], mac: '02:00:00:00:00:e1' },
  ...parts,
});
const ETH1 = link('eth1');
const VLAN = link('eth1.500', {
  ...{ kind: 'vlan', lower: 'eth1', vlan: 500, master: 'br500', alias: 'vlandhcp vlan' },
});
const BR500 = link('br500', { kind: 'bridge', alias: 'vlandhcp bridge for eth1.500' });
const BOX = leaseEntry();
const FW500: NetworkFact = {
  ...{ id: NETWORK_ID, name: 'fw500', driver: 'vlandhcp:stable', parent: 'eth1', vlan: '500' },
  isOfSwarm: false,
  ...{ bridge: 'br500', families: ['IPv4'], containers: new Map([[BOX.endpoint, 'box']]) },
};
const HOST: HostFacts = {
  ...{ missingModules: [], kernel: '6.1', links: [ETH1, VLAN, BR500], managed: [] },
  ...{ filters: [], udevFiles: [] },
  runMount: { point: '/run', isShared: true },
};
const entry = { network: NETWORK_ID, segment: 'VLAN 500 of eth1', bridge: 'br500', leases: {} };
const HEALTHY: Facts = {
  ...{ host: HOST, plugin: 'vlandhcp:stable', networks: [FW500] },
  engine: {
    ...{ version: '28.5.2', firewall: 'iptables', isLiveRestore: false },
    plugins: [{ name: 'vlandhcp:stable', isEnabled: true }],
  },
  socket: { path: '/admin.sock', state: 'open', mode: 0o140600, owner: 0, words: undefined },
  own: { networks: [entry], leases: [BOX] },
};
const { engine, socket } = HEALTHY;

function wrong(facts: Facts): string[] {
  const findings = [
    ...checkPlugin(facts),
    ...checkKernel(facts.host),
    ...checkLinks(facts),
    ...checkStale(facts),
    ...checkHost(facts),
    ...checkContainers(facts),
  ];
  expect(findings.filter(({ level, mend }) => (level === 'ok') !== (mend === undefined))).toEqual(
    [],
  );
  return findings.flatMap(({ level, text }) => (level === 'ok' ? [] : [`${level} ${text}`]));
}

const onHost = (parts: Partial<HostFacts>): Partial<Facts> => ({ host: { ...HOST, ...parts } });
const withLinks = (...links: LinkFact[]) => onHost({ links });
const withRules = (...rules: string[]) =>
  onHost({ filters: [{ family: 'IPv4', program: 'iptables', rules }] });
const RULES6 = onHost({
  filters: [{ family: 'IPv6', program: 'ip6tables', rules: ['-P FORWARD DROP'] }],
});
const withFile = (name: string, text: string) =>
  onHost({ udevFiles: [{ path: `/etc/systemd/network/${name}`, text }] });
const OUR_RULE = '-i br500 -o br500 -m comment --comment vlandhcp -j ACCEPT';
const DOCKER_RULES = ['-P FORWARD DROP', '-A FORWARD -j DOCKER-USER', '-A FORWARD -j DOCKER-FORWARD', '-A DOCKER-FORWARD -m conntrack --ctstate RELATED -j ACCEPT', '-A DOCKER ! -i docker0 -o docker0 -j DROP', '-A DOCKER-FORWARD -j DOCKER']; // prettier-ignore

it.each<[string, Partial<Facts>, readonly string[]]>([
  ['a healthy host', {}, []],
  ['no network yet', { ...withLinks(ETH1), networks: [], own: { networks: [], leases: [] } }, []],
  ['dockerd is down', { engine: { ...engine, version: undefined, plugins: [] }, networks: [] }, ['fail dockerd does not answer']], // prettier-ignore
  ['an old engine', { engine: { ...engine, version: '19.03.15' } }, ['fail Docker Engine 19.03.15 is older than 20.10, the oldest that works']], // prettier-ignore
  ['the oldest engine', { engine: { ...engine, version: '20.10.24' } }, []],
  ['the plugin is disabled', { engine: { ...engine, plugins: [{ name: 'vlandhcp:stable', isEnabled: false }] } }, ['fail vlandhcp:stable is disabled']], // prettier-ignore
  ['the service needs no plugin', { plugin: undefined, engine: { ...engine, plugins: [{ name: 'vlandhcp:stable', isEnabled: true }] } }, []], // prettier-ignore
  ['another user', { socket: { ...socket, state: 'forbidden' } }, ['fail this user may not ask the plugin']], // prettier-ignore
  ['no socket', { socket: { ...socket, state: 'missing' } }, ['fail there is no admin socket, because the plugin does not run or is an old version']], // prettier-ignore
  ['a dead socket', { socket: { ...socket, state: 'deaf' } }, ['fail the socket is there, and nobody listens: the plugin has ended']], // prettier-ignore
  ['a plugin that starts', { socket: { ...socket, state: 'silent', words: 'the plugin is starting' } }, ['fail the plugin does not answer: the plugin is starting']], // prettier-ignore
  ['an open socket', { socket: { ...socket, mode: 0o140660 } }, ['fail the mode of the admin socket is 660: users other than root can give leases back']], // prettier-ignore
  ["somebody's socket", { socket: { ...socket, owner: 1000 } }, ['fail the admin socket belongs to user 1000, who can give leases back']], // prettier-ignore
  ['a network of a plugin that is gone', { networks: [{ ...FW500, driver: 'vlandhcp:old' }] }, ['fail network fw500 belongs to plugin vlandhcp:old, which is not installed']], // prettier-ignore
  ['a module is missing', onHost({ missingModules: ['8021q', 'macvlan'] }), ['fail kernel 6.1 has no 8021q, so no VLAN link can be made', 'warn kernel 6.1 has no macvlan, so no network of mode=macvlan can be made']], // prettier-ignore
  ['no iproute2', onHost({ links: undefined }), ['warn the program ip is not in PATH, so links are not looked at']], // prettier-ignore
  ['no parent', withLinks(), ['fail there is no link eth1, which network fw500 need']],
  ['parent down', withLinks({ ...ETH1, isUp: false }, VLAN, BR500), ['fail eth1 is down']],
  ['cable out', withLinks({ ...ETH1, hasCarrier: false }, VLAN, BR500), ['fail eth1 has no carrier: the cable is out, or the switch port is off']], // prettier-ignore
  ['no bridge', withLinks(ETH1, VLAN), ['fail br500 of network fw500 is missing']],
  ['STP', withLinks(ETH1, VLAN, { ...BR500, hasStp: true }), ["fail br500 runs STP: a new container's port forwards nothing for up to 30 s"]], // prettier-ignore
  ['the port is out of its bridge', withLinks(ETH1, { ...VLAN, master: undefined }, BR500), ['fail eth1.500 carries VLAN 500 and is not a port of br500']], // prettier-ignore
  ['the MTU below is smaller', withLinks({ ...ETH1, mtu: 1400 }, VLAN, BR500), ['fail br500 has an MTU of 1500, and eth1 below it only 1400']], // prettier-ignore
  ['the MTU of the VLAN link is smaller', withLinks(ETH1, { ...VLAN, mtu: 1400 }, BR500), ['fail br500 has an MTU of 1500, and eth1.500 below it only 1400']], // prettier-ignore
  ['the parent has another name, which Docker was told', withLinks({ ...ETH1, name: 'enp1s0', altNames: ['eth1'] }, { ...VLAN, lower: 'enp1s0' }, BR500), []], // prettier-ignore
  ["STP on an operator's bridge that filters VLANs", withLinks({ ...ETH1, kind: 'bridge', hasStp: true }, VLAN, BR500), ["fail eth1 runs STP: a new container's port forwards nothing for up to 30 s"]], // prettier-ignore
  ['a link file for a card', withFile('10-eth1.link', '[Match]\nPermanentMACAddress=02:00:00:00:00:e1\n[Link]\nName=eth1'), []], // prettier-ignore
  ['a link file with a policy alone', withFile('99.link', '[Match]\nOriginalName=*\n[Link]\nNamePolicy=keep kernel\nMACAddressPolicy=persistent'), []], // prettier-ignore
  ['a link file for a name', withFile('10.link', '[Match]\nMACAddress=02:00:00:00:00:e1\nOriginalName=eth1\n[Link]\nName=lan'), []], // prettier-ignore
  ['a link file for a MAC, which the VLAN link has too', withFile('10.link', '[Match]\nMACAddress=02:00:00:00:00:E1\n[Link]\nName=eth1'), ['warn /etc/systemd/network/10.link also matches eth1.500, a VLAN link of the plugin: udev may change its name or MAC']], // prettier-ignore
  ['a link file with a name that fits more', withFile('10.link', '[Match]\nOriginalName=eth*\n[Link]\nMACAddress=02:00:00:00:00:99'), ['warn /etc/systemd/network/10.link also matches eth1.500, a VLAN link of the plugin: udev may change its name or MAC']], // prettier-ignore
  ['a rule for a card', withFile('70.rules', 'SUBSYSTEM=="net", DRIVERS=="?*", ATTR{address}=="02:00:00:00:00:e1", NAME="eth1"'), []], // prettier-ignore
  ['a rule that reads a name', withFile('70.rules', 'ATTR{address}=="02:00:00:00:00:e1", NAME=="eth1", RUN+="x"\n# ATTR{address}=="02:00:00:00:00:e1", NAME="a"'), []], // prettier-ignore
  ['a rule for a MAC', withFile('70.rules', 'SUBSYSTEM=="net", \\\n ATTR{address}=="02:00:00:00:00:e1", KERNEL=="eth*", NAME="eth1"'), ['warn /etc/systemd/network/70.rules also matches eth1.500, a VLAN link of the plugin: udev may change its name or MAC']], // prettier-ignore
  ['a stale link', withLinks(ETH1, VLAN, BR500, { ...VLAN, name: 'eth1.7', vlan: 7 }), ['warn eth1.7 is a VLAN link of the plugin (VLAN 7 of eth1) that no network uses']], // prettier-ignore
  ["somebody else's VLAN link", withLinks(ETH1, VLAN, BR500, { ...VLAN, name: 'eth1.7', vlan: 7, alias: undefined }), []], // prettier-ignore
  ['FORWARD accepts', withRules('-P FORWARD ACCEPT'), []],
  ['FORWARD drops', withRules(...DOCKER_RULES), ['fail iptables drops frames between the ports of br500: the policy DROP of FORWARD']], // prettier-ignore
  ['our rule is there', withRules(...DOCKER_RULES, `-A DOCKER-USER ${OUR_RULE}`), []],
  ['a rule before ours', withRules('-P FORWARD DROP', '-A FORWARD -i br+ -j REJECT --reject-with icmp-port-unreachable', ...DOCKER_RULES.slice(1), `-A DOCKER-USER ${OUR_RULE}`), ['fail iptables drops frames between the ports of br500: -A FORWARD -i br+ -j REJECT --reject-with icmp-port-unreachable']], // prettier-ignore
  ['a rule for one port is no verdict', withRules('-P FORWARD ACCEPT', '-A FORWARD -i br500 -p tcp -m tcp --dport 25 -j DROP'), []], // prettier-ignore
  [
    'all bridged frames are accepted',
    withRules('-P FORWARD DROP', '-A FORWARD -m physdev --physdev-is-bridged -j ACCEPT'),
    [],
  ],
  ['some frames are accepted', withRules('-P FORWARD DROP', '-A FORWARD -s 10.50.0.0/24 -j ACCEPT'), ['warn iptables drops frames between the ports of br500: the policy DROP of FORWARD, apart from what a rule before accepts']], // prettier-ignore
  ['some frames go to a chain that accepts them', withRules('-A FORWARD -p tcp -j TCP', '-A FORWARD -j REJECT', '-A TCP -i br500 -j ACCEPT'), ['warn iptables drops frames between the ports of br500: -A FORWARD -j REJECT, apart from what a rule before accepts']], // prettier-ignore
  ['ip6tables drops, and the network has no IPv6', RULES6, []],
  ['ip6tables drops', { ...RULES6, networks: [{ ...FW500, families: ['IPv4', 'IPv6'] }] }, ['fail ip6tables drops frames between the ports of br500: the policy DROP of FORWARD']], // prettier-ignore
  ['no iptables', onHost({ filters: [{ family: 'IPv4', program: 'iptables', rules: undefined }] }), ['warn bridged frames pass iptables (br_netfilter), and the program iptables is not in PATH or fails']], // prettier-ignore
  ['NetworkManager', onHost({ managed: [{ link: 'br500', manager: 'NetworkManager' }] }), ['warn NetworkManager configures br500, and may change its address, MAC or bridge']], // prettier-ignore
  ['private /run', onHost({ runMount: { point: '/run', isShared: false } }), ['fail the mount /run is private: the plugin does not see the network namespaces of containers that start from now on']], // prettier-ignore
  ['the service sees a private /run', { plugin: undefined, ...onHost({ runMount: { point: '/run', isShared: false } }) }, []], // prettier-ignore
  ['no record of a network', { own: { networks: [], leases: [] } }, ['fail Docker has network fw500, and the plugin has no record of it']], // prettier-ignore
  ['a network of a Swarm that no container has here', { networks: [{ ...FW500, isOfSwarm: true, containers: new Map() }], own: { networks: [], leases: [] } }, []], // prettier-ignore
  ['no record of a container', { own: { networks: [entry], leases: [] } }, ['fail Docker has container box on fw500, and the plugin has no record of it']], // prettier-ignore
  ['a lost lease', { own: { networks: [entry], leases: [leaseEntry({ state: 'no lease', lost: { at: '', cause: 'expired' } })] } }, ['warn container box on fw500 has no lease (expired)']], // prettier-ignore
])('%s', (_, parts, expected) => {
  expect(wrong({ ...HEALTHY, ...parts })).toEqual(expected);
});

describe('without the plugin', () => {
  it('bridges are known by the options of the network', () => {
    const facts = { ...HEALTHY, own: undefined, ...withRules(...DOCKER_RULES) };
    expect(wrong(facts)).toEqual([
      'fail iptables drops frames between the ports of br500: the policy DROP of FORWARD',
    ]);
  });
});
