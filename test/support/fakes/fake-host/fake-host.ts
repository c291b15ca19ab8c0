/**
 * A host without a kernel: the links and rules that it would have, and what containers see in their
 * sandboxes. Every call can be made to fail.
 */
import type { Host } from '../../../../plugin/host.ts';
import {
  ownEnd,
  type ContainerLink,
  type LinkPresence,
} from '../../../../plugin/vocabulary/attachment.ts';
import type { SandboxChange } from '../../../../plugin/vocabulary/sandbox-change.ts';
import type { Ipv4 } from '../../../../plugin/wire/address.ts';
import { FakeEndpoints } from './fake-endpoints.ts';

export class FakeHost extends FakeEndpoints implements Host {
  /** What was changed inside sandboxes. */
  readonly sandboxChanges: SandboxChange[] = [];
  /** The sandboxes whose files are there, as this process names them. */
  readonly sandboxes = new Set<string>();
  /** What containers were given of IPv6, and sent by the host's end of their link. */
  readonly ipv6Set: Parameters<Host['setSandboxIpv6']>[1][] = [];
  readonly sentInto: { readonly hostEnd: string; readonly frame: Uint8Array }[] = [];
  /** Which DNS servers replace which, by the container's end. */
  readonly dnsSet = new Map<string, Parameters<Host['setSandboxDns']>[1]>();
  hostDns: ReturnType<Host['readHostDns']> = { servers: [], isOutdated: false };
  /** The addresses that containers have; undefined if their namespaces cannot be read. */
  sandboxAddresses: ReadonlySet<Ipv4> | undefined = new Set();

  /**
   * The functions need no `this`, as those of `linuxHost`. If a test replaces one later, the new
   * one is called.
   */
  asPlainObject(): Host {
    const calls = namesOf(FakeHost.prototype).map((name) => [
      name,
      (...args: unknown[]) => {
        const own: unknown = Reflect.get(this, name);
        return typeof own === 'function' ? (Reflect.apply(own, this, args) as unknown) : own;
      },
    ]);
    return Object.fromEntries(calls) as Host;
  }

  endpointPresence(link: ContainerLink, netnsPath?: string): LinkPresence {
    if (link.hostEnd !== undefined && !this.links.has(link.hostEnd)) return 'gone';
    if (this.links.has(link.containerEnd)) return 'here';
    if (link.hostEnd !== undefined) return 'away';
    return netnsPath !== undefined && this.sandboxes.has(netnsPath) ? 'away' : 'gone';
  }

  isInSandbox(place: ContainerLink) {
    return this.endpoints.get(ownEnd(place))?.here === false;
  }

  async changeSandbox(
    place: Parameters<Host['changeSandbox']>[0],
    changes: readonly SandboxChange[],
  ) {
    const end = ownEnd(place);
    await this.attempt('changeSandbox', end);
    if (this.endpoints.get(end)?.here !== false) return false;
    this.sandboxChanges.push(...changes);
    return true;
  }

  hasIpv6(mtu: number) {
    return mtu >= 1280;
  }

  async setSandboxIpv6(...[place, wanted]: Parameters<Host['setSandboxIpv6']>) {
    const end = ownEnd(place);
    await this.attempt('setSandboxIpv6', end);
    if (this.endpoints.get(end)?.here !== false) return 'away';
    this.ipv6Set.push(wanted);
    return 'set';
  }

  async setSandboxDns(...[place, redirects]: Parameters<Host['setSandboxDns']>) {
    const end = ownEnd(place);
    await this.attempt('setSandboxDns', end);
    if (this.endpoints.get(end)?.here !== false) return false;
    this.dnsSet.set(place.containerEnd, redirects);
    return true;
  }

  async prepareSandboxDns(...[place, redirects]: Parameters<Host['prepareSandboxDns']>) {
    await this.attempt('prepareSandboxDns', place.netnsPath);
    if (!this.sandboxes.has(place.netnsPath)) return false;
    this.dnsSet.set(place.containerEnd, redirects);
    return true;
  }

  async clearSandboxDns(netnsPath: string, containerEnd: string) {
    await this.attempt('clearSandboxDns', netnsPath);
    this.dnsSet.delete(containerEnd);
  }

  readHostDns() {
    return this.hostDns;
  }

  sendInto(hostEnd: string, frames: readonly Uint8Array[]) {
    for (const frame of frames) this.sentInto.push({ hostEnd, frame });
  }

  listSandboxAddresses() {
    return this.sandboxAddresses;
  }
}

/** Of all classes that an object is made of. */
function namesOf(prototype: object | null): readonly string[] {
  if (prototype === null || prototype === Object.prototype) return [];
  return [...Object.getOwnPropertyNames(prototype), ...namesOf(Reflect.getPrototypeOf(prototype))];
}
