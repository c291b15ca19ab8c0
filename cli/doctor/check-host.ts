/** Judges what else the host does to frames, links and namespaces (pure). */
import type { Facts, FirewallFacts, HostFacts, NetworkFact } from './facts.ts';
import { fail, ok, warn, type Finding } from './finding.ts';

export function checkHost(facts: Facts): Finding[] {
  const { host } = facts;
  const bridges = bridgesOf(facts);
  return [
    ...checkFirewall(host.firewall, bridges),
    ...checkManagers(host),
    ...checkRunFolder(host, facts.plugin),
  ];
}

/** The bridges of networks, in the order of the networks. */
function bridgesOf({ host: { links }, networks, own }: Facts): string[] {
  const nameOf = ({ id, bridge }: NetworkFact) =>
    own?.networks.find(({ network }) => network === id)?.bridge ?? bridge;
  const isBridge = (name: string) =>
    links?.some((link) => link.name === name && link.kind === 'bridge') !== false;
  return [...new Set(networks.flatMap((network) => nameOf(network) ?? []))].filter(isBridge);
}

interface Rule {
  readonly chain: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly target: string | undefined;
  /** True if the rule asks for anything but links. */
  readonly isPartial: boolean;
  readonly text: string;
}

function checkFirewall({ isBridged, rules }: FirewallFacts, bridges: readonly string[]): Finding[] {
  if (!isBridged) {
    return [ok('firewall', 'FORWARD', 'bridged frames do not pass iptables')];
  }
  if (rules === undefined) {
    const text = 'bridged frames pass iptables (br_netfilter), and the program iptables is not in PATH'; // prettier-ignore
    return [warn('firewall', 'FORWARD', text, 'sysctl net.bridge.bridge-nf-call-iptables')];
  }
  const policy = /^-P FORWARD (\w+)/m.exec(rules.join('\n'))?.[1] ?? 'ACCEPT';
  const parsed = rules.flatMap((rule) => parseRule(rule) ?? []);
  const dropped = bridges.flatMap((bridge) => {
    const verdict = verdictOn(bridge, 'FORWARD', parsed, 0);
    const says = verdict ?? { target: policy, text: `the policy ${policy} of FORWARD` };
    return says.target === 'ACCEPT' ? [] : [{ bridge, by: says.text }];
  });
  if (dropped.length === 0) {
    const text = `frames from a bridge of a network to itself pass iptables (FORWARD has the policy ${policy})`; // prettier-ignore
    return [ok('firewall', 'FORWARD', text)];
  }
  return dropped.map(
    ({ bridge, by }) =>
    fail('firewall', bridge, `iptables drops frames between the ports of ${bridge}: ${by}`, `iptables -I FORWARD -i ${bridge} -o ${bridge} -j ACCEPT`), // prettier-ignore
  );
}

/** `-A FORWARD -i br500 -o br500 -j DROP` */
function parseRule(text: string): Rule | undefined {
  // Who wrote a rule is no condition.
  const words = text.replace(/ -m comment --comment ("[^"]*"|\S+)/, '').split(/\s+/);
  if (words[0] !== '-A') return undefined;
  const after = (flag: string) => {
    const at = words.indexOf(flag);
    return at === -1 ? undefined : (words[at - 1] === '!' ? '!' : '') + (words[at + 1] ?? '');
  };
  const rest = words.slice(2).join(' ').replace(/(! )?-[io] \S+ ?|-[jg] .*$/g, '').trim(); // prettier-ignore
  const [from, to, target] = [after('-i'), after('-o'), after('-j') ?? after('-g')];
  return { chain: words[1] ?? '', from, to, target, isPartial: rest !== '', text };
}

/** The first rule that decides on each frame from the bridge to itself. */
function verdictOn(
  bridge: string,
  chain: string,
  rules: readonly Rule[],
  depth: number,
): { target: string; text: string } | undefined {
  if (depth > 8) return undefined;
  for (const rule of rules) {
    if (rule.chain !== chain || rule.target === undefined || rule.isPartial) continue;
    if (!fits(rule.from, bridge) || !fits(rule.to, bridge)) continue;
    if (['ACCEPT', 'DROP', 'REJECT'].includes(rule.target)) {
      return { target: rule.target, text: rule.text };
    }
    if (rule.target === 'RETURN') return undefined;
    const inner = verdictOn(bridge, rule.target, rules, depth + 1);
    if (inner !== undefined) return inner;
  }
  return undefined;
}

function fits(pattern: string | undefined, link: string): boolean {
  if (pattern === undefined) return true;
  if (pattern.startsWith('!')) return !fits(pattern.slice(1), link);
  return pattern.endsWith('+') ? link.startsWith(pattern.slice(0, -1)) : link === pattern;
}

function checkManagers({ managed }: HostFacts): Finding[] {
  if (managed.length === 0) {
    return [ok('managers', 'host', 'no network manager configures a link of the plugin')];
  }
  return managed.map(({ link, manager }) => {
    const text = `${manager} configures ${link}, and may change its address, MAC or bridge`;
    const mend =
      manager === 'NetworkManager'
        ? `nmcli device set ${link} managed no; for good: see docs/troubleshooting.md, network managers`
        : 'write /etc/systemd/network/05-vlandhcp.network as docs/troubleshooting.md says, then: networkctl reload';
    return warn('managers', link, text, mend);
  });
}

function checkRunFolder({ runMount }: HostFacts, plugin: string | undefined): Finding[] {
  // A service sees all mounts of the host.
  if (runMount === undefined || plugin === undefined) return [];
  const { point, isShared } = runMount;
  if (isShared) return [ok('run', point, `mounts below ${point} reach the plugin`)];
  const text = `the mount ${point} is private: the plugin does not see the network namespaces of containers that start from now on`; // prettier-ignore
  const mend = `mount --make-rshared ${point}, then: docker plugin disable -f ${plugin} && docker plugin enable ${plugin}`;
  return [fail('run', point, text, mend)];
}
