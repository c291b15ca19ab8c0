/** From one configuration of a container's link to another: which changes, and in which order. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { routingOf } from '../../../plugin/endpoints/answers.ts';
import { sandboxChanges, type LinkConfig } from '../../../plugin/endpoints/sandbox-changes.ts';
import type { LeaseTerms, Route } from '../../../plugin/vocabulary/lease.ts';
import type { SandboxChange } from '../../../plugin/vocabulary/sandbox-change.ts';
import type { Ipv4 } from '../../../plugin/wire/address.ts';
import { ip, lease } from '../../support/frames/messages.ts';

const none: LinkConfig = { terms: undefined, mtu: 1500 };
const config = (terms: Partial<LeaseTerms> = {}, mtu = 1500): LinkConfig => ({
  terms: lease({ address: ip('10.50.0.5'), gateway: ip('10.50.0.1'), ...terms }),
  mtu,
});
const route = (destination: string, prefixLength: number, via?: string): Route => ({
  destination: ip(destination),
  prefixLength,
  via: via === undefined ? undefined : ip(via),
});
const at = (address: string, prefixLength = 24) => ({ address: ip(address), prefixLength });
const between = (from: LinkConfig, to: LinkConfig, internal = false) =>
  sandboxChanges(from, to, internal);

describe('an address', () => {
  it('that comes is added before the gateway, which needs it', () => {
    expect(between(none, config())).toEqual([
      { type: 'add-address', to: at('10.50.0.5') },
      { type: 'set-gateway', via: '10.50.0.1' },
    ]);
  });

  it('that ends goes last, after gateway and routes (RFC 2131 §4.4.5)', () => {
    const routes = [route('10.9.0.0', 16, '10.50.0.9')];
    expect(between(config({ routes }), none)).toEqual([
      { type: 'remove-gateway', via: '10.50.0.1' },
      { type: 'remove-route', route: routes[0] },
      { type: 'remove-address', from: at('10.50.0.5') },
    ]);
  });

  it('of another subnet: the new one comes, the gateway moves, the old one goes', () => {
    const next = config({ address: ip('10.51.0.7'), gateway: ip('10.51.0.1') });
    expect(between(config(), next)).toEqual([
      { type: 'add-address', to: at('10.51.0.7') },
      { type: 'set-gateway', via: '10.51.0.1' },
      { type: 'remove-address', from: at('10.50.0.5') },
    ]);
  });

  it('of the same subnet takes the place of the old one; gateway and routes stay', () => {
    const routes = [route('10.9.0.0', 16, '10.50.0.9')];
    const next = config({ address: ip('10.50.0.6'), routes });
    expect(between(config({ routes }), next)).toEqual([
      { type: 'replace-address', from: at('10.50.0.5'), to: at('10.50.0.6') },
    ]);
  });

  it.each([23, 25])('that keeps its value and gets a mask of %i never leaves', (prefixLength) => {
    expect(between(config(), config({ prefixLength }))).toEqual([
      { type: 'add-address', to: at('10.50.0.5', prefixLength) },
      { type: 'remove-address', from: at('10.50.0.5') },
    ]);
  });
});

describe('gateway, routes and MTU', () => {
  it('another router: only the gateway', () => {
    expect(between(config(), config({ gateway: ip('10.50.0.2') }))).toEqual([
      { type: 'set-gateway', via: '10.50.0.2' },
    ]);
  });

  it('no router any more', () => {
    expect(between(config(), config({ gateway: undefined }))).toEqual([
      { type: 'remove-gateway', via: '10.50.0.1' },
    ]);
  });

  it('a router outside the subnet: the way to it first, and it stays as long as the router', () => {
    const outside = config({ gateway: ip('198.51.100.1') });
    const hop = { type: 'set-route', route: route('198.51.100.1', 32) };
    expect(between(config(), outside)).toEqual([hop, { type: 'set-gateway', via: '198.51.100.1' }]);
    expect(between(outside, config())).toEqual([
      { type: 'set-gateway', via: '10.50.0.1' },
      { type: 'remove-route', route: hop.route },
    ]);
  });

  it('routes: what is new or goes another way is set, what is gone is removed, the rest stays', () => {
    const [kept, gone] = [route('10.1.0.0', 16, '10.50.0.9'), route('10.2.0.0', 16, '10.50.0.9')];
    const before = route('10.3.0.0', 16, '10.50.0.9');
    const after = route('10.3.0.0', 16, '10.50.0.8');
    const onLink = route('10.4.0.0', 16);
    const changes = between(
      config({ routes: [kept, gone, before] }),
      config({ routes: [after, kept, onLink] }),
    );
    expect(changes).toEqual([
      { type: 'set-route', route: onLink },
      { type: 'set-route', route: after },
      { type: 'remove-route', route: gone },
    ]);
  });

  it('the MTU alone touches nothing else', () => {
    expect(between(config(), config({}, 1400))).toEqual([{ type: 'set-mtu', mtu: 1400 }]);
  });

  it('--internal: the address alone, never a gateway or a route, on-link or not', () => {
    const routes = [route('0.0.0.0', 1), route('128.0.0.0', 1), route('10.9.0.0', 16, '10.50.0.9')];
    expect(between(none, config({ routes }), true)).toEqual([
      { type: 'add-address', to: at('10.50.0.5') },
    ]);
    expect(between(config(), config({ gateway: ip('10.50.0.2') }), true)).toEqual([]);
  });

  it('other servers, names and times are no change to a link', () => {
    const next = config({ serverId: ip('10.50.0.3'), dnsServers: [ip('10.50.0.3')] });
    expect(between(config(), next)).toEqual([]);
    expect(between(none, none)).toEqual([]);
  });
});

const anyIp = fc.tuple(fc.constantFrom(50, 51), fc.integer({ min: 1, max: 12 }));
const anyAddress = anyIp.map(([net, host]) => ip(`10.${net}.0.${host}`));
const anyRoute = fc.record({
  destination: fc.constantFrom('10.1.0.0', '10.2.0.0', '10.50.0.0', '10.51.0.0').map((a) => ip(a)),
  prefixLength: fc.constantFrom(24, 32),
  via: fc.option(anyAddress, { nil: undefined }),
});
const anyConfig: fc.Arbitrary<LinkConfig> = fc.record({
  mtu: fc.constantFrom(1400, 1500),
  terms: fc.option(
    fc
      .record({
        address: anyAddress,
        prefixLength: fc.constantFrom(24, 25, 32),
        gateway: fc.option(anyAddress, { nil: undefined }),
        routes: fc.array(anyRoute, { maxLength: 4 }),
      })
      .map((terms) => lease(terms)),
    { nil: undefined },
  ),
});

/** A link as plain sets, to compare after the changes. */
class ModelLink {
  mtu: number;
  readonly addresses = new Set<string>();
  readonly routes = new Map<string, Ipv4 | undefined>();
  gateway: Ipv4 | undefined;

  constructor({ terms, mtu }: LinkConfig, internal: boolean) {
    this.mtu = mtu;
    if (terms !== undefined) this.addresses.add(`${terms.address}/${terms.prefixLength}`);
    const { gateway, staticRoutes } = routingOf(terms, internal);
    for (const r of staticRoutes) this.routes.set(`${r.destination}/${r.prefixLength}`, r.via);
    this.gateway = gateway;
  }

  apply(change: SandboxChange): void {
    const name = (a: { address: Ipv4; prefixLength: number }) => `${a.address}/${a.prefixLength}`;
    if (change.type === 'set-mtu') this.mtu = change.mtu;
    if (change.type === 'remove-address' || change.type === 'replace-address') {
      expect(this.addresses.delete(name(change.from))).toBe(true);
    }
    if (change.type === 'add-address' || change.type === 'replace-address') {
      expect(this.addresses.has(name(change.to))).toBe(false);
      this.addresses.add(name(change.to));
    }
    if (change.type === 'set-gateway') this.gateway = change.via;
    if (change.type === 'remove-gateway') this.gateway = undefined;
    if (change.type === 'set-route' || change.type === 'remove-route') {
      const key = `${change.route.destination}/${change.route.prefixLength}`;
      if (change.type === 'set-route') this.routes.set(key, change.route.via);
      else expect(this.routes.delete(key)).toBe(true);
    }
  }
}

it('whatever the two configurations: the changes lead from one to the other, and back to none', () => {
  fc.assert(
    fc.property(anyConfig, anyConfig, fc.boolean(), (from, to, internal) => {
      const link = new ModelLink(from, internal);
      for (const change of sandboxChanges(from, to, internal)) {
        link.apply(change);
        // While its address is changed, the container always has one.
        if (from.terms !== undefined && to.terms !== undefined) {
          expect(link.addresses.size).toBeGreaterThan(0);
        }
      }
      expect(link).toEqual(new ModelLink(to, internal));
      expect(sandboxChanges(to, to, internal)).toEqual([]);
    }),
    { numRuns: 500 },
  );
});
