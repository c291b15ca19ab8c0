/**
 * The links of a network: made, and removed with the last network that has them. Networks of one
 * mode on one segment share their links.
 */
import type { Host } from '../host.ts';
import type { Logger } from '../logger.ts';
import type { NetworkOptions } from '../options/options.ts';
import { attachmentOf, speakerOf } from '../state/attachments/attachments.ts';
import { linkNamed, parentNow, segmentLink } from '../state/link-chain.ts';
import type { NetworkRecord } from '../state/records.ts';
import type { Registry } from '../state/registry.ts';
import { runEach } from '../undo.ts';
import type { BridgeAccess } from './bridge-access.ts';
import { membersToBe } from './vlan-bridge.ts';

type MadeLinks = Pick<
  NetworkRecord,
  'vlanLink' | 'outerLink' | 'mtu' | 'uplinkPort' | 'vlanMembers' | 'theirs'
>;

export class NetworkLinks {
  readonly #registry: Registry;
  readonly #host: Host;
  readonly #access: BridgeAccess;
  readonly #log: Logger;

  constructor(deps: { registry: Registry; host: Host; access: BridgeAccess; log: Logger }) {
    this.#registry = deps.registry;
    this.#host = deps.host;
    this.#access = deps.access;
    this.#log = deps.log;
  }

  /** The links as they will be. Somebody may have connected bridge and uplink already. */
  async toBe(options: NetworkOptions): Promise<Omit<MadeLinks, 'outerLink' | 'theirs'>> {
    const links = await this.#host.readLinks();
    const uplink = segmentLink(links, options);
    const vlanLink = options.vlan === undefined ? undefined : uplink?.name;
    const mtu = uplink?.mtu ?? 1500;
    if (options.bridge === undefined) {
      const vlanMembers = this.#withSharers(options, membersToBe(options, links));
      return { vlanLink, mtu, uplinkPort: false, ...vlanMembers };
    }
    const bridge = linkNamed(links, options.bridge);
    const isPort = uplink !== undefined && uplink.master === bridge?.index;
    const isShared = this.#sharers(options).some((n) => n.uplinkPort);
    return { vlanLink, mtu, uplinkPort: !isPort || isShared };
  }

  /**
   * Makes the missing links, and opens the firewall for them.
   * @param parent the present name of the parent.
   * @throws PluginError if they cannot be made. Then everything is as before.
   */
  async make(options: NetworkOptions, parent: string): Promise<MadeLinks> {
    const { vlanLink, outerLink, mtu, created, theirs, warnings, vlanMembers } =
      await this.#host.ensureNetworkLinks({ ...options, parent, ...this.#withSharers(options) });
    const made = { options: { ...options, parent }, vlanLink };
    this.#warn(speakerOf(made), warnings);
    const bridge = attachmentOf(made).firewalledBridge(made);
    if (bridge !== undefined) await this.#access.grant(bridge);
    const isShared = () => this.#sharers(options).some((n) => n.uplinkPort);
    const outer = outerLink === undefined ? {} : { outerLink };
    const members = this.#withSharers(options, vlanMembers);
    const uplinkPort = created.uplinkPort || isShared();
    return { vlanLink, ...outer, mtu, uplinkPort, ...members, theirs };
  }

  /** Removes the links that have our mark, unless other networks have them. @throws what failed. */
  async drop(record: NetworkRecord): Promise<void> {
    const { id, options, vlanLink, uplinkPort, vlanMembers } = record;
    const { vlan, bridge } = options;
    const [heir] = this.#sharers(options).filter((other) => other.id !== id);
    if (heir !== undefined) return this.#inherit(heir, vlanMembers);
    const known = await this.#host.readLinks();
    const parent = parentNow(known, { options, vlanLink });
    // A link that was being made when the process was killed may be missing in the record.
    const made = vlan === undefined ? undefined : segmentLink(known, { parent, vlan })?.name;
    // The bridge may have another name now.
    const members = vlanMembers?.map((name) => (name === options.parent ? parent : name));
    const ours = { vlanLink: vlanLink ?? made, bridge, uplinkPort, vlanMembers: members };
    const links = { parent, vlan, ...ours };
    const firewalled = attachmentOf(record).firewalledBridge(record);
    await runEach(
      async () => {
        if (firewalled !== undefined) await this.#access.revoke(firewalled);
      },
      async () => this.#warn(speakerOf(record), await this.#host.removeNetworkLinks(links)),
    );
  }

  /** What was added to the VLAN is taken away with the network that is left. */
  async #inherit(heir: NetworkRecord, added: readonly string[] = []): Promise<void> {
    const { vlanMembers = [] } = heir;
    const more = added.filter((name) => !vlanMembers.includes(name));
    if (more.length === 0) return;
    await this.#registry.addNetwork({ ...heir, vlanMembers: [...vlanMembers, ...more] });
  }

  /** What any network on the segment has added is taken away with the last one. */
  #withSharers(
    options: NetworkOptions,
    added: readonly string[] = [],
  ): Pick<NetworkRecord, 'vlanMembers'> {
    const before = this.#sharers(options).flatMap((other) => other.vlanMembers ?? []);
    const vlanMembers = [...new Set([...before, ...added])];
    return vlanMembers.length === 0 ? {} : { vlanMembers };
  }

  /** The networks with the same links: those of one mode on one segment. */
  #sharers({ parent, vlan, mode }: NetworkOptions): readonly NetworkRecord[] {
    return this.#registry
      .networks()
      .filter(({ isUnfinished }) => isUnfinished !== true)
      .filter(({ options }) => options.parent === parent && options.vlan === vlan)
      .filter(({ options }) => options.mode === mode);
  }

  #warn(link: string, warnings: readonly string[]): void {
    for (const warning of warnings) this.#log.warn({ link }, warning);
  }
}
