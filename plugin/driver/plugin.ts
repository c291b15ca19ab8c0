/**
 * Puts the plugin together from its parts. `main.ts` gives it Linux. Tests and the benchmark give
 * it fakes. It serves nobody yet. The API uses its `network` and `ipam`.
 */
import type { Clock } from '../clock.ts';
import { ContainerNames } from '../dockerapi/container-names.ts';
import type { DockerApi } from '../dockerapi/docker-api.ts';
import { Doctor, type DoctorDeps } from '../doctor/doctor.ts';
import { Endpoints } from '../endpoints/endpoints.ts';
import type { Emit } from '../events/events.ts';
import type { Host } from '../host.ts';
import { HostAccess } from '../hostaccess/host-access.ts';
import { Addresses } from '../leases/addresses.ts';
import { Addresses6 } from '../leases/ipv6/addresses6.ts';
import { forgetOverdue } from '../leases/awaited-releases.ts';
import { sweepAbandoned } from '../leases/containers-present.ts';
import { HeldLeases } from '../leases/held-leases.ts';
import { MacClaims } from '../leases/mac-claims.ts';
import { LeaseReturns, type LeaseReturnsDeps } from '../leases/lease-returns.ts';
import { SegmentSilence } from '../leases/segment-silence.ts';
import type { LeaseChange } from '../leasing/client-runner.ts';
import { FrameWatch } from '../leasing/frames/frame-watch.ts';
import type { Ipv6Change } from '../leasing/ipv6/ipv6-subject.ts';
import { LeaseService, type LeaseServiceDeps } from '../leasing/lease-service.ts';
import { NearbyVlans } from '../leasing/segment/nearby-vlans.ts';
import { routerProbe } from '../leasing/segment/router-probe.ts';
import {
  probeTrunk,
  type TrunkProbeDeps,
  type TrunkQuestion,
} from '../leasing/segment/trunk-probe.ts';
import { surveyIpv6 } from '../leasing/survey/ipv6-survey.ts';
import { probeSubnet } from '../leasing/segment/subnet-probe.ts';
import type { Logger } from '../logger.ts';
import { BridgeAccess } from '../networks/bridge-access.ts';
import { withLastingRemovals } from '../networks/link-removals.ts';
import { Networks } from '../networks/networks.ts';
import { Wiring } from '../networks/wiring/wiring.ts';
import { Pools } from '../pools/pools.ts';
import { Pools6 } from '../pools/pools6.ts';
import { endpointContext, type EndpointRecord } from '../state/lease-records.ts';
import { segmentOf } from '../state/records.ts';
import type { Registry } from '../state/registry.ts';
import type { Ms } from '../vocabulary/time.ts';
import { IpamDriver } from './ipam-driver.ts';
import { NetworkDriver, NO_DOCKER_API } from './network-driver.ts';
import { Operator } from './operator.ts';
import { recover } from './recover.ts';

export interface PluginDeps {
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  /** If undefined, nobody is told of events. */
  readonly emit?: Emit | undefined;
  readonly host: Host;
  /** Contains all stored records. */
  readonly registry: Registry;
  /** False if a record could not be read. Then a link without a record proves nothing. */
  readonly isComplete: boolean;
  readonly sockets: Pick<
    LeaseServiceDeps,
    'openSocket' | 'openArpSocket' | 'openIpv6Socket' | 'openRouterSocket' | 'probeSandbox'
  > &
    Pick<TrunkProbeDeps, 'openTrunkSocket'>;
  /** Undefined unless a person gave Docker's socket. */
  readonly dockerApi: DockerApi | undefined;
  /** Finds out who on a segment has an address. */
  readonly inquiry: LeaseReturnsDeps['inquiry'];
  /** What the doctor alone reads of the host. */
  readonly sights: DoctorDeps['sights'];
  readonly settings: { readonly joinTimeoutMs: Ms; readonly requiresMacAddress: boolean };
  /** The folder with the files of sandboxes. */
  readonly sandboxFolder: string;
  /** @param key a sandbox's file as dockerd names it. */
  readonly sandboxPath: (key: string) => string;
}

export type Plugin = ReturnType<typeof createPlugin>;

/** Resumes everything of before a restart. Calls of Docker wait for this. */
export function createPlugin(deps: PluginDeps) {
  const { clock, random, log, emit, registry, isComplete, sockets, inquiry, settings } = deps;
  const { sandboxFolder, sandboxPath, dockerApi } = deps;
  const frames = new FrameWatch(clock);
  const leases = new LeaseService({
    ...{ clock, random, log, emit, frames, ...sockets },
    openRouterSocket: frames.openRouterSocket(sockets.openRouterSocket),
    onChange: (key, change) => {
      leaseChanged(key, change).catch((err: unknown) => {
        log.error({ endpoint: key.slice(0, 12), err }, 'lease change not handled');
      });
    },
    onLinkLocal: (leaseId, address) => {
      const holder = registry.findEndpointOf(leaseId);
      if (holder === undefined) return;
      endpoints.changes.handleLinkLocal(holder.id, address).catch((err: unknown) => {
        log.error({ endpoint: leaseId.slice(0, 12), err }, 'link-local address not handled');
      });
    },
    onIpv6Change: (leaseId, change) => {
      ipv6Changed(leaseId, change).catch((err: unknown) => {
        log.error({ endpoint: leaseId.slice(0, 12), err }, 'IPv6 change not handled');
      });
    },
    onEntered: (leaseId, link) => endpoints.sandboxEntered(leaseId, link),
  });
  /** Waits for an address that is becoming part of an endpoint. */
  const leaseChanged = (leaseId: string, change: LeaseChange): Promise<void> => {
    if (registry.findLease(leaseId)?.holder.is === 'host') {
      return hostAccess.leaseChanged(leaseId, change);
    }
    if (registry.findAddress(leaseId) === undefined) return endpoints.leaseChanged(leaseId, change);
    return addresses
      .leaseChanged(leaseId, change)
      .then((isAddress) => (isAddress ? undefined : endpoints.leaseChanged(leaseId, change)));
  };
  /** The same for IPv6. What an endpoint is made with may be older than the change. */
  const ipv6Changed = async (leaseId: string, change: Ipv6Change): Promise<void> => {
    const isAddress = registry.findAddress(leaseId) !== undefined;
    if (isAddress) await addresses.lock.run(leaseId, () => Promise.resolve());
    const endpointId = endpoints.endpointWith(leaseId);
    if (endpointId === undefined) return;
    await endpoints.ipv6.handle(endpointId, change);
    await endpoints.dns.leaseChanged(endpointId);
  };
  const removals = withLastingRemovals(deps.host, { clock, log });
  const host = { ...deps.host, ...removals };
  const containers =
    dockerApi &&
    new ContainerNames({
      ...{ api: dockerApi, clock, log },
      networks: () => registry.networks().map(({ id }) => id),
      onName: (endpointId, { name }) => {
        endpoints.named(endpointId, name).catch((err: unknown) => {
          log.error({ endpoint: endpointId.slice(0, 12), err }, 'container name not stored');
        });
      },
    });
  const access = new BridgeAccess({ host, clock, log });
  const returns = new LeaseReturns({ registry, host, inquiry, leases, clock, log });
  const held = new HeldLeases({ registry, clock, log, emit, leases, returns });
  const hostAccess = new HostAccess({ registry, host, leases, returns, clock, log });
  const networks = new Networks({
    ...{ registry, host, access, clock, log, emit },
    made: () => wiring.soon(),
  });
  const { openSocket, openIpv6Socket, openTrunkSocket } = sockets;
  const nearby = new NearbyVlans({
    ...{ clock, random, log, openTrunkSocket },
    known: (parent) => vlansOf(registry, parent),
  });
  const shared = {
    ...{ registry, networks, host, leases, held, returns, clock, log },
    silence: new SegmentSilence(clock),
    nearby,
    macClaims: new MacClaims(),
    joinTimeoutMs: settings.joinTimeoutMs,
    restart: (record: Pick<EndpointRecord, 'id' | 'networkId'>) => {
      if (containers !== undefined) return containers.restart(record);
      log.error(endpointContext(record), `container not restarted: ${NO_DOCKER_API}`);
    },
  };
  const addresses = new Addresses({ ...shared, sandboxFolder });
  const endpoints: Endpoints = new Endpoints({ ...shared, addresses, sandboxPath });
  const wiring: Wiring = new Wiring({
    ...{ registry, host, networks, clock, log },
    ports: {
      guard: (id) => endpoints.ports.guard(id),
      guardAll: () => endpoints.ports.guardAll(),
    },
    mtuChanged: (networkId) => {
      endpoints.changes.networkChanged(networkId);
      void hostAccess.mend(networkId);
    },
    linkBelowIsNew: async (networkId) => {
      await endpoints.remade.linkBelowIsNew(networkId);
      void hostAccess.linkBelowIsNew(networkId); // it may wait for a call that waits for a server
    },
    mtuBelowIsNew: (networkId) => {
      endpoints.changes.mtuBelowChanged(networkId);
      void hostAccess.mend(networkId);
    },
    carrierIsBack: (networkId) => {
      const network = registry.findNetwork(networkId);
      if (network !== undefined) leases.askNow(segmentOf(network.options));
    },
    hostLinkIsMissing: (networkId) => void hostAccess.mend(networkId),
  });
  const { ready: recovered, done } = recover({
    ...{ registry, networks, endpoints, addresses, held, access, wiring, host, clock, log },
    ...{ hostAccess, isComplete, sandboxPath },
  });
  const network = new NetworkDriver({
    ...{ registry, networks, endpoints, held, hostAccess, clock, recovered },
    claims: leases,
    hasDockerApi: dockerApi !== undefined,
  });
  const pools = new Pools({
    ...{ registry, host, clock, log, nearby },
    askSubnet: (...question) => probeSubnet({ clock, random, openSocket }, ...question),
  });
  const pools6 = new Pools6({
    ...{ host, clock, log },
    askRouter: routerProbe({ clock, openIpv6Socket }),
  });
  const addresses6 = new Addresses6({ registry, addresses, leases, clock, log });
  const { requiresMacAddress } = settings;
  const ipam = new IpamDriver({
    ...{ registry, pools, pools6, addresses, addresses6, held, requiresMacAddress, recovered },
    twins: endpoints.twins,
  });
  let stopSweep = () => {};
  let isClosed = false;
  const started = done.then(() => {
    const releases = { clearAbandoned: () => forgetOverdue(registry, clock) };
    const looked = [endpoints, addresses, releases];
    if (isClosed) return;
    stopSweep = sweepAbandoned({ clock, log, looked });
    containers?.start();
  });
  const probe = (question: TrunkQuestion) =>
    probeTrunk({ clock, random, openTrunkSocket }, question);
  return {
    ...{ network, ipam },
    operator: new Operator({
      ...{
        registry,
        clock,
        leases,
        held,
        frames,
        names: containers,
      },
      probe,
      doctor: new Doctor({
        ...{ registry, clock, host, probe, inquiry, isComplete, sights: deps.sights },
        unanswered: (segment) => shared.silence.unanswered(segment),
        survey: (from) => surveyIpv6({ clock, random, openIpv6Socket }, from),
      }),
    }),
    /** Resolves when everything of before is resumed. */
    started,
    ...{ leases, access, held, hostAccess, networks, addresses, endpoints, wiring },
    /** Leases, links and records stay, because containers go on with them. */
    close(): void {
      isClosed = true;
      stopSweep();
      containers?.close();
      for (const part of [
        wiring,
        access,
        removals,
        hostAccess,
        endpoints,
        addresses,
        held,
        leases,
      ]) {
        part.close();
      }
    },
  };
}

/** The VLANs with one tag on which this host has networks. */
function vlansOf(registry: Registry, parent: string): number[] {
  const segments = registry.networks().map(({ options }) => options);
  const here = segments.filter((segment) => segment.parent === parent);
  return here.map(({ vlan }) => vlan).filter((vlan) => typeof vlan === 'number');
}
