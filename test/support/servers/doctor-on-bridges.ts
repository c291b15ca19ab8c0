/** What the doctor says of the firewall of this machine: does it pass frames of these bridges? */
import { checkFirewall } from '../../../cli/doctor/check-firewall.ts';
import type { Facts } from '../../../cli/doctor/facts.ts';
import { readFilters } from '../../../cli/doctor/read-firewall.ts';
import { judgeForwarding } from '../../../plugin/doctor/forwarding.ts';
import { readForwarding } from '../../../plugin/net/firewall/nft-forward.ts';

/** @returns for each bridge: true if neither half of the doctor has a complaint. */
export async function doctorPasses(...bridges: readonly string[]): Promise<readonly boolean[]> {
  const [filters, forwarding] = [await readFilters(), await readForwarding()];
  return bridges.map((bridge) => {
    const network = { id: bridge, name: bridge, bridge, families: ['IPv4'] };
    const host = { filters, links: undefined };
    const facts = { host, networks: [network], own: undefined } as unknown as Facts;
    const fact = { name: bridge, ports: ['eth1.500', 'vdh1'], families: ['IPv4'] } as const;
    const findings = [
      ...checkFirewall(facts),
      ...judgeForwarding({ forwarding, bridges: [{ ...fact, indexes: new Map() }] }),
    ];
    return findings.every(({ level }) => level === 'ok');
  });
}
