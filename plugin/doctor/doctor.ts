/**
 * What only the plugin sees of the causes why a container has no lease: the segments, its records,
 * its clock and its disk. It gathers facts, and pure functions judge them. It changes nothing: it
 * sends DISCOVER, which leases nothing, and ARP probes.
 */
import type { Clock } from '../clock.ts';
import type { Host } from '../host.ts';
import type { NetworkRecord } from '../state/records.ts';
import type { Registry } from '../state/registry.ts';
import { PluginError } from '../vocabulary/errors.ts';
import type { Finding } from './finding.ts';
import { judgeForwarding } from './forwarding.ts';
import { gatherForwarding, type ForwardingSources } from './gather/gather-forwarding.ts';
import { gatherIpv6, type Ipv6Sources } from './gather/gather-ipv6.ts';
import { gatherMacs, type MacSources } from './gather/gather-macs.ts';
import { gatherSegments, trunkOf, type SegmentSources } from './gather/gather-segments.ts';
import { judgeIpv6 } from './ipv6-segments.ts';
import { judgeKeeping, type KeepingFacts } from './keeping.ts';
import { judgeMacs } from './macs.ts';
import { judgeSegments } from './segments.ts';
import type { Sights } from './gather/sights.ts';

export interface DoctorDeps extends SegmentSources, Ipv6Sources, MacSources, ForwardingSources {
  readonly registry: Pick<Registry, 'networks' | 'leases' | 'findScope' | 'endpoints'>;
  readonly host: Pick<Host, 'linkMac' | 'readLinks'>;
  readonly clock: Clock;
  readonly sights: Sights;
  readonly isComplete: boolean;
}

export class Doctor {
  readonly #deps: DoctorDeps;
  #running: Promise<readonly Finding[]> | undefined;
  #runs: string | undefined;

  constructor(deps: DoctorDeps) {
    this.#deps = deps;
  }

  /**
   * Takes up to 7 s.
   * @param network the beginning of a NetworkID. Undefined: all networks.
   * @throws PluginError LEASE_BUSY if another network is looked at now.
   */
  async look(network: string | undefined): Promise<readonly Finding[]> {
    if (this.#running !== undefined && this.#runs !== network) {
      throw new PluginError('LEASE_BUSY', 'another doctor runs; wait until it has ended');
    }
    this.#runs = network;
    this.#running ??= this.#findings(network).finally(() => (this.#running = undefined));
    return await this.#running;
  }

  async #findings(network: string | undefined): Promise<readonly Finding[]> {
    const chosen = this.#deps.registry.networks().filter(({ id }) => id.startsWith(network ?? ''));
    const asking = gatherSegments(chosen, this.#deps);
    const offersOn = async (one: NetworkRecord) =>
      (await asking).find(({ link }) => link === trunkOf(one))?.offers ?? [];
    const [trunks, ipv6, forwarding, macs] = await Promise.all([
      asking,
      gatherIpv6(chosen, this.#deps),
      gatherForwarding(chosen, this.#deps),
      gatherMacs(chosen, offersOn, this.#deps),
    ]);
    return [
      ...judgeForwarding(forwarding),
      ...judgeSegments(trunks),
      ...judgeIpv6(ipv6),
      ...judgeMacs(macs),
      ...judgeKeeping(this.#keepingFacts()),
    ];
  }

  #keepingFacts(): KeepingFacts {
    const { registry, clock, sights, isComplete } = this.#deps;
    const { disk } = sights;
    const leases = registry.leases().flatMap(({ lease }) => (lease === undefined ? [] : [lease]));
    const [now, wall] = [clock.now(), clock.wall()];
    const clockSteps = leases.flatMap(({ requestedAt, boot }) =>
      boot?.id === clock.bootId ? [wall - requestedAt - (now - boot.at)] : [],
    );
    const aheadMs = Math.max(0, ...leases.map(({ requestedAt }) => requestedAt - wall));
    return {
      ...{ clockSteps, aheadMs, isComplete, folder: disk.folder },
      disk: disk.space(disk.folder),
    };
  }
}
