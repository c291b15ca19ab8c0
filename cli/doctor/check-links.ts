/** Judges the links of the networks: parent, VLAN link, bridge (pure). */
import type { Facts, HostFacts, LinkFact, NetworkFact } from './facts.ts';
import { fail, ok, warn, type Finding } from './finding.ts';

export function checkKernel({ missingModules, kernel, links }: HostFacts): Finding[] {
  const missing = missingModules.map((module) => {
    const need = { '8021q': 'no VLAN link', bridge: 'no bridge', veth: 'no link of a container', macvlan: 'no network of mode=macvlan' }[module]; // prettier-ignore
    const text = `kernel ${kernel} has no ${module}, so ${need ?? 'nothing'} can be made`;
    const mend = `modprobe ${module}; if that fails, install the package with the modules of this kernel (linux-modules-extra)`;
    const say = module === 'macvlan' ? warn : fail;
    return say('kernel', module, text, mend);
  });
  const ip =
    links === undefined
      ? [warn('links', 'host', 'the program ip is not in PATH, so links are not looked at', 'install iproute2')] // prettier-ignore
      : [];
  if (missing.length > 0) return [...missing, ...ip];
  return [ok('kernel', 'host', `kernel ${kernel} has VLANs, bridges, veth and macvlan`), ...ip];
}

export function checkLinks({ host: { links }, networks, own }: Facts): Finding[] {
  if (links === undefined) return [];
  const find = (name: string | undefined) => links.find((link) => isCalled(link, name));
  const parents = [...new Set(networks.flatMap(({ parent }) => parent ?? []))];
  return [
    ...parents.map((parent) => checkParent(parent, find(parent), networks)),
    ...networks.flatMap((network) => checkNetwork(network, links, ownLink(network, own))),
  ];
}

/** udev gives a card several names. */
function isCalled({ name, altNames }: LinkFact, wanted: string | undefined): boolean {
  return wanted !== undefined && (name === wanted || altNames.includes(wanted));
}

function checkParent(
  name: string,
  link: LinkFact | undefined,
  networks: readonly NetworkFact[],
): Finding {
  const users = networks.filter(({ parent }) => parent === name).map((network) => network.name);
  if (link === undefined) {
    return fail('parent', name, `there is no link ${name}, which ${list(users)} need`, `ip link show; plug the card in, or make the network with another -o parent=`); // prettier-ignore
  }
  if (!link.isUp) return fail('parent', name, `${name} is down`, `ip link set ${name} up`);
  if (!link.hasCarrier) {
    return fail('parent', name, `${name} has no carrier: the cable is out, or the switch port is off`, `plug the cable in; see: ethtool ${name}`); // prettier-ignore
  }
  return ok('parent', name, `${name} is up, with carrier and an MTU of ${link.mtu}`);
}

function ownLink({ id }: NetworkFact, own: Facts['own']): string | undefined {
  return own?.networks.find(({ network }) => network === id)?.bridge;
}

function checkNetwork(
  { name, parent, vlan, bridge: typed }: NetworkFact,
  links: readonly LinkFact[],
  known: string | undefined,
): Finding[] {
  const bridgeName = known ?? typed;
  const below = links.find((link) => isCalled(link, parent));
  if (bridgeName === undefined || below === undefined) return [];
  const bridge = links.find((link) => link.name === bridgeName);
  if (bridge === undefined) {
    return [fail('links', name, `${bridgeName} of network ${name} is missing`, 'docker vlandhcp disable && docker vlandhcp enable, which makes it again')]; // prettier-ignore
  }
  const findings: Finding[] = [];
  if (!bridge.isUp) {
    findings.push(fail('links', name, `${bridgeName} is down`, `ip link set ${bridgeName} up`));
  }
  // A bridge that filters VLANs is itself the parent.
  for (const { name: one } of [bridge, below].filter(({ hasStp }) => hasStp)) {
    findings.push(fail('bridge', one, `${one} runs STP: a new container's port forwards nothing for up to 30 s`, `ip link set ${one} type bridge stp_state 0 forward_delay 0`)); // prettier-ignore
  }
  const port = links.find(
    (link) => link.kind === 'vlan' && link.lower === below.name && String(link.vlan) === vlan,
  );
  if (bridge.kind === 'bridge' && port !== undefined && port.master !== bridgeName) {
    findings.push(fail('links', name, `${port.name} carries VLAN ${String(vlan)} and is not a port of ${bridgeName}`, `ip link set ${port.name} master ${bridgeName}`)); // prettier-ignore
  }
  const lowers = [below, ...(port === undefined ? [] : [port])];
  for (const lower of lowers.filter(({ mtu }) => mtu < bridge.mtu)) {
    findings.push(fail('mtu', name, `${bridgeName} has an MTU of ${bridge.mtu}, and ${lower.name} below it only ${lower.mtu}`, `ip link set ${lower.name} mtu ${bridge.mtu}`)); // prettier-ignore
  }
  if (findings.length > 0) return findings;
  return [ok('links', name, `${bridgeName} is up, with an MTU of ${bridge.mtu}`)];
}

/** VLAN links of ours that no network uses. All networks must be known. */
export function checkStale({ host: { links = [] }, networks, own, engine }: Facts): Finding[] {
  if (engine.version === undefined) return [];
  const isParent = (wanted: string | undefined, name: string | undefined) =>
    wanted === name || links.some((link) => link.name === name && isCalled(link, wanted));
  const isUsed = ({ name, lower, vlan }: LinkFact) =>
    own?.networks.some(({ bridge }) => bridge === name) === true ||
    networks.some(
      (network) =>
        (isParent(network.parent, lower) && network.vlan === String(vlan)) ||
        network.parent === name ||
        network.vlan?.includes('.') === true,
    );
  const stale = links.filter(
    (link) => link.alias?.startsWith('vlandhcp vlan') === true && !isUsed(link),
  );
  return stale.map(
    ({ name, vlan, lower }) =>
    warn('links', name, `${name} is a VLAN link of the plugin (VLAN ${String(vlan)} of ${String(lower)}) that no network uses`, `ip link del ${name}`), // prettier-ignore
  );
}

function list(names: readonly string[]): string {
  return names.length === 1 ? `network ${String(names[0])}` : `networks ${names.join(', ')}`;
}
