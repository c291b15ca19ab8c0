/**
 * Brings a running container to what its IPv6 client has: at its start the settings, the router's
 * advertisement and the lifetimes of a lease; later an address that comes, changes or ends.
 *
 * As with IPv4 the record is written first. What the sandbox refuses is tried again.
 */
import type { Clock } from '../clock.ts';
import type { Host } from '../host.ts';
import type { KeyedLock } from '../keyed-lock.ts';
import type { GuardedIpv6 } from '../leasing/ipv6/guarded-ipv6.ts';
import type { Ipv6Change } from '../leasing/ipv6/ipv6-subject.ts';
import type { LeaseService } from '../leasing/lease-service.ts';
import type { Logger } from '../logger.ts';
import { SandboxTries } from './setup/sandbox-tries.ts';
import type { PortGuard } from '../networks/port-guard.ts';
import { endpointContext, type EndpointRecord } from '../state/lease-records.ts';
import type { Registry } from '../state/registry.ts';
import { leasedAddress, NO_IPV6, storeIpv6, type StoredIpv6 } from '../state/stored-ipv6.ts';
import type { AddressToHave6 } from '../vocabulary/sandbox-change.ts';
import { PluginError } from '../vocabulary/errors.ts';
import { NOT_ON_THIS_LINK } from '../vocabulary/ipv6/addressing.ts';
import type { NetworkRecord } from '../state/records.ts';
import { interfaceIdIn, interfaceIdOf, linkLocalOf, type Ipv6 } from '../wire/address6.ts';
import { secondsUntil, type Ms } from '../vocabulary/time.ts';

export interface Ipv6ChangesDeps {
  readonly registry: Registry;
  readonly host: Pick<Host, 'setSandboxIpv6' | 'sendInto' | 'hasIpv6'>;
  readonly leases: Pick<LeaseService, 'ipv6'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly lock: KeyedLock;
  readonly ports: Pick<PortGuard, 'follow'>;
  readonly sandboxPath: (sandboxKey: string) => string;
  readonly remember: (record: EndpointRecord) => Promise<void>;
}

/**
 * Engines from 28 on announce the address that they were told. A start fails if it is gone by then.
 */
const SETTLED_AFTER: Ms = 3_000;
const ETHERNET_LENGTH = 14;
const TROUBLE = 'the container could not be given its IPv6 address; it is tried again';

export class Ipv6Changes {
  readonly #deps: Ipv6ChangesDeps;
  /**
   * Endpoints whose link was found in its sandbox, each with what cancels its wait. Undefined once
   * libnetwork has finished with the link.
   */
  readonly #entered = new Map<string, (() => void) | undefined>();
  readonly #tries: SandboxTries;

  constructor(deps: Ipv6ChangesDeps) {
    this.#deps = deps;
    this.#tries = new SandboxTries(deps, TROUBLE, (id) => this.#apply(id));
  }

  /** The link was found in its sandbox. libnetwork has given it what CreateEndpoint answered. */
  async entered(endpointId: string): Promise<void> {
    const { clock } = this.#deps;
    this.#entered.get(endpointId)?.();
    const settle = () => {
      this.#entered.set(endpointId, undefined);
      if (this.#hasFormer(endpointId)) void this.#tries.run(endpointId);
    };
    this.#entered.set(endpointId, clock.at(clock.now() + SETTLED_AFTER, settle));
    await this.#tries.run(endpointId);
  }

  /** True if an address waits to be taken out. Most starts have none. */
  #hasFormer(endpointId: string): boolean {
    const { registry, leases } = this.#deps;
    const record = registry.findEndpoint(endpointId);
    if (record?.ipv6 === undefined) return false;
    return formerOf(record.ipv6, leases.ipv6(record.leaseId)) !== undefined;
  }

  left(endpointId: string): void {
    this.#entered.get(endpointId)?.();
    this.#entered.delete(endpointId);
    this.#tries.forget(endpointId);
  }

  close(): void {
    for (const cancel of this.#entered.values()) cancel?.();
    this.#entered.clear();
    this.#tries.close();
  }

  /** Makes the record and the container match the client. */
  async handle(endpointId: string, change: Ipv6Change): Promise<void> {
    const { registry, leases, clock, lock, remember } = this.#deps;
    await lock.run(endpointId, async () => {
      const record = registry.findEndpoint(endpointId);
      const terms = record && leases.ipv6(record.leaseId)?.terms;
      if (record === undefined || terms === undefined) return;
      this.#tell(record, change);
      const ipv6 = { ...(record.ipv6 ?? NO_IPV6), ...storeIpv6(terms, clock) };
      const changed = { ...record, ipv6 };
      await remember(changed);
      await this.#guard(changed);
    });
    if (this.#entered.has(endpointId)) await this.#tries.run(endpointId);
  }

  async #apply(endpointId: string): Promise<void> {
    const { registry, host, leases, log, sandboxPath, remember } = this.#deps;
    const record = registry.findEndpoint(endpointId);
    const network = record && registry.findNetwork(record.networkId);
    if (record?.sandboxKey === undefined || network?.options.ipv6 === undefined) return;
    const ipv6 = record.ipv6 ?? NO_IPV6;
    const { hostEnd, containerEnd } = record;
    if (!host.hasIpv6(record.mtu)) {
      if (ipv6.address === undefined) return;
      throw new PluginError('UNSUPPORTED', `its link has no IPv6: ${NOT_ON_THIS_LINK}`);
    }
    const place = { netnsPath: sandboxPath(record.sandboxKey), hostEnd, containerEnd };
    const client = leases.ipv6(record.leaseId);
    const isSettled = this.#entered.get(endpointId) === undefined;
    const result = await host.setSandboxIpv6(place, {
      // Where the host has no end of the link, the advertisement cannot be passed on.
      routers: hostEnd === undefined ? routersFor(record, client) : [],
      address: this.#toHave(ipv6),
      isOffByDocker: ipv6.answered === undefined && ipv6.configured === undefined,
      former: isSettled ? formerOf(ipv6, client) : undefined,
      isInternal: network.internal,
      ...prefixRules(record, network),
    });
    if (result === 'away') throw new Error('its link was not found up in the sandbox');
    if (result === 'off' && ipv6.address !== undefined) return this.#leftOff(record, ipv6);
    if (hostEnd !== undefined) this.#replay(record, hostEnd, client);
    // Docker switches IPv6 off on a link without an address. Nobody but the client answers there.
    if ((ipv6.address ?? ipv6.configured) !== undefined) client?.configured();
    const isFormerThere = !isSettled && formerOf(ipv6, client) !== undefined;
    if (ipv6.configured?.address === ipv6.address?.address || isFormerThere) return;
    const changed = { ...record, ipv6: { ...ipv6, configured: ipv6.address } };
    await remember(changed);
    await this.#guard(changed);
    const fields = { ...endpointContext(record), address: ipv6.address?.address ?? 'none' };
    log.info(fields, 'IPv6 of the container changed');
  }

  /** What is longer than the link's MTU does not pass it, and would not from the router either. */
  #replay({ mtu }: EndpointRecord, hostEnd: string, client: GuardedIpv6 | undefined): void {
    const frames = client?.replay().filter(({ length }) => length <= mtu + ETHERNET_LENGTH) ?? [];
    try {
      this.#deps.host.sendInto(hostEnd, frames);
    } catch (err) {
      // The container's kernel asks the routers itself a second later.
      this.#deps.log.warn({ err, link: hostEnd }, 'router advertisement not passed on');
    }
  }

  /** A person has switched IPv6 off in this container. It is known that it has no address. */
  async #leftOff(record: EndpointRecord, ipv6: StoredIpv6): Promise<void> {
    if (ipv6.answered === undefined || ipv6.configured === undefined) return;
    await this.#deps.remember({ ...record, ipv6: { ...ipv6, configured: undefined } });
    this.#deps.log.warn(
      { ...endpointContext(record), address: ipv6.address?.address },
      'IPv6 is switched off in this container: it has no IPv6 address, and is left so',
    );
  }

  async #guard(record: EndpointRecord): Promise<void> {
    const { registry, ports } = this.#deps;
    const network = registry.findNetwork(record.networkId);
    if (network !== undefined) await ports.follow(network, record);
  }

  /** An address of a prefix is the kernel's, once it is there. */
  #toHave({ address, lease, configured }: StoredIpv6): AddressToHave6 | undefined {
    const { clock } = this.#deps;
    if (address !== undefined && address.source !== 'dhcp') {
      const isThere = configured?.address === address.address;
      return isThere
        ? undefined
        : { ...address, preferredSeconds: undefined, validSeconds: undefined };
    }
    const leased = leasedAddress({ address, lease }, clock);
    if (address === undefined || leased === undefined) return undefined;
    return {
      ...address,
      preferredSeconds: secondsUntil(leased.preferredUntil, clock.now()),
      validSeconds: secondsUntil(leased.validUntil, clock.now()),
    };
  }

  #tell(record: EndpointRecord, { change, cause, address, lease }: Ipv6Change): void {
    const { log } = this.#deps;
    const fields = {
      ...endpointContext(record),
      address: address?.address,
      from: address?.source,
      server: lease?.serverId,
    };
    if (change === 'lost') return log.warn({ ...fields, cause }, 'IPv6 address lost');
    if (change === 'renewed') return log.info(fields, 'IPv6 lease renewed');
    log.info({ ...fields, before: record.ipv6?.address?.address }, `IPv6 address ${change}`);
  }
}

/** Anybody may send an advertisement from the container's own address. The kernel refuses that. */
function routersFor({ mac }: EndpointRecord, client: GuardedIpv6 | undefined): readonly Ipv6[] {
  const own = linkLocalOf(mac);
  return client?.defaultRouters().filter((router) => router !== own) ?? [];
}

/** Which addresses of prefixes the container's kernel makes, and which it must not have. */
function prefixRules(
  { mac, ipv6 }: EndpointRecord,
  { options }: NetworkRecord,
): Pick<Parameters<Host['setSandboxIpv6']>[1], 'isAutonomous' | 'token' | 'unwanted'> {
  const isAutonomous = options.ipv6 !== 'dhcp' && ipv6?.address?.source !== 'static';
  const token = ipv6?.wish?.token;
  if (isAutonomous && token === undefined) return { isAutonomous };
  const own = interfaceIdOf(mac);
  // Docker may have been told an address made of the MAC, which then stays.
  const told = [ipv6?.address, ipv6?.answered].map((one) => one && interfaceIdIn(one.address));
  return { isAutonomous, token, unwanted: [token, ...told].includes(own) ? undefined : own };
}

/**
 * A leased address goes with its lease. One of a prefix ends by the kernel, unless another host has
 * it. The kernel then finds that out by itself if a router offers the prefix again.
 */
function formerOf(
  { address, configured }: StoredIpv6,
  client: GuardedIpv6 | undefined,
): StoredIpv6['configured'] {
  if (configured === undefined || configured.address === address?.address) return undefined;
  const isOurs = configured.source === 'dhcp' || client?.isContested(configured.address) === true;
  return isOurs ? configured : undefined;
}
