/** Judges what else the host does to frames, links and namespaces (pure). */
import { checkFirewall } from './check-firewall.ts';
import { checkUdev } from './check-udev.ts';
import type { Facts, HostFacts } from './facts.ts';
import { fail, ok, warn, type Finding } from './finding.ts';

export function checkHost(facts: Facts): Finding[] {
  const { host } = facts;
  return [
    ...checkFirewall(facts),
    ...checkManagers(host),
    ...checkUdev(host),
    ...checkRunFolder(host, facts.plugin),
  ];
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
