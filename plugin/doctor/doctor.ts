/**
 * What only the plugin sees of the causes why a container has no lease: the segments, its records,
 * its clock and its disk. It gathers facts, and pure functions judge them. It changes nothing: it
 * sends DISCOVER, which leases nothing, and ARP probes.
 */
import type { Clock } from '../clock.ts';
import type { Host } from '../host.ts';
import { vlansNear } from '../leasing/segment/nearby-vlans.ts';
import type { SegmentInquiry } from '../leasing/segment/segment-inquiry.ts';
import type { TrunkQuestion, VlanAnswer } from '../leasing/segment/trunk-probe.ts';
import type { NetworkOptions } from '../options/options.ts';
import { attachmentOf } from '../state/attachments/attachments.ts';
import { segmentOf, type NetworkRecord } from '../state/records.ts';
import type { Registry } from '../state/registry.ts';
import { PluginError } from '../vocabulary/errors.ts';
import type { Finding } from './finding.ts';
import { judgeForwarding } from './forwarding.ts';
import { gatherForwarding } from './gather-forwarding.ts';
import { judgeKeeping, type KeepingFacts } from './keeping.ts';
import { judgeSegments, vlanNumber, type ParentFacts, type SegmentFacts } from './segments.ts';
import type { Sights } from './sights.ts';

export interface DoctorDeps {
  readonly registry: Pick<Registry, 'networks' | 'leases' | 'findScope' | 'endpoints'>;
  readonly clock: Clock;
  readonly host: Pick<Host, 'linkMac'>;
  readonly probe: (question: TrunkQuestion) => Promise<readonly VlanAnswer[]>;
  readonly inquiry: Pick<SegmentInquiry, 'wearer'>;
  readonly sights: Sights;
  readonly isComplete: boolean;
}

/** Each is asked twice, at 256 in a second. */
const MOST_VLANS = 128;
const MOST_SERVERS = 4;

export class Doctor {
  readonly #deps: DoctorDeps;
  #running: Promise<readonly Finding[]> | undefined;
  #runs: string | undefined;

  constructor(deps: DoctorDeps) {
    this.#deps = deps;
  }

  /**
   * Takes up to 6 s.
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
    const { registry, sights } = this.#deps;
    const chosen = registry.networks().filter(({ id }) => id.startsWith(network ?? ''));
    const networks = chosen.filter(({ options }) => isAsked(options));
    const names = [...new Set(networks.map(({ options }) => options.parent))];
    const [parents, forwarding] = await Promise.all([
      Promise.all(
        names.map((name) =>
          this.#parentFacts(
            name,
            networks.filter(({ options }) => options.parent === name),
          ),
        ),
      ),
      gatherForwarding(chosen, registry, sights),
    ]);
    return [
      ...judgeForwarding(forwarding),
      ...judgeSegments(parents),
      ...judgeKeeping(this.#keepingFacts()),
    ];
  }

  async #parentFacts(parent: string, networks: readonly NetworkRecord[]): Promise<ParentFacts> {
    // Several networks may share a VLAN.
    const own = [...new Map(networks.map((one) => [one.options.vlan, one])).values()];
    const heard = new Set<number>();
    const onTag = (vlan: number) => void heard.add(vlan);
    let [offers, trouble]: [readonly VlanAnswer[], string | undefined] = [[], undefined];
    try {
      const vlans = vlansToAsk(own.map(({ options }) => vlanNumber(options.vlan)));
      offers = await this.#deps.probe({
        parent,
        vlans,
        signal: new AbortController().signal,
        onTag,
      });
    } catch (error) {
      if (!(error instanceof PluginError)) throw error;
      trouble = error.message;
    }
    const segments = await Promise.all(own.map((record) => this.#segmentFacts(record, offers)));
    return { parent, trouble, offers, heard: [...heard].sort((a, b) => a - b), segments };
  }

  async #segmentFacts(
    { options, ...record }: NetworkRecord,
    offers: readonly VlanAnswer[],
  ): Promise<SegmentFacts> {
    const { registry, host, inquiry } = this.#deps;
    const facts = { options, allowed: options.dhcpServers };
    if (offers.some(({ vlan }) => vlan === vlanNumber(options.vlan)))
      return { ...facts, known: [] };
    const here = segmentOf(options);
    const servers = registry.leases().flatMap(({ scopeId, lease }) => {
      const isHere = registry.findScope(scopeId)?.segment === here;
      return isHere && lease !== undefined ? [lease.serverId] : [];
    });
    const link = attachmentOf({ options, ...record }).speaker({ options, ...record });
    const mac = host.linkMac(link);
    const known = [...new Set(servers)].slice(0, MOST_SERVERS).map(async (server) => ({
      server,
      answersAs: mac && (await inquiry.wearer(link, mac, server)),
    }));
    return { ...facts, known: await Promise.all(known) };
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

/** A segment with two tags is not asked. So is a bridge of the operator that filters VLANs. */
function isAsked({ ipv4, vlan, mode }: NetworkOptions): boolean {
  return ipv4 && typeof vlan !== 'string' && mode !== 'vlan-bridge';
}

/** A wrong tag is often a typing error. So the VLANs near that of a network are asked, too. */
function vlansToAsk(own: readonly number[]): number[] {
  const near = own.filter((vlan) => vlan > 0).flatMap((vlan) => vlansNear(vlan, []));
  return [...new Set([...own, 0, ...near])].slice(0, Math.max(MOST_VLANS, own.length));
}
