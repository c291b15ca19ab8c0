/**
 * `/NetworkDriver.*`: one handler for each call of libnetwork's remote driver API. A handler turns
 * a decoded request into a driver call, and the result into libnetwork's fields.
 */
import type { CreateEndpointRequest } from '../endpoints/endpoint-setup.ts';
import type { CreateEndpointAnswer } from '../endpoints/answers.ts';
import type { JoinAnswer } from '../endpoints/answers.ts';
import type { CreateNetworkRequest } from '../options/network-requests.ts';
import type { NetworkStatus } from '../state/status/status.ts';
import { statusTable } from '../state/status/status-table.ts';
import type { Route } from '../vocabulary/lease.ts';
import type { Handlers } from './handler.ts';
import {
  decodeCreateEndpoint,
  decodeCreateNetwork,
  decodeEndpointId,
  decodeJoin,
  decodeNetworkId,
} from './messages.ts';

/** What `plugin/driver` promises to Docker. */
export interface NetworkDriver {
  createNetwork(request: CreateNetworkRequest, signal: AbortSignal): Promise<void>;
  removeNetwork(networkId: string): Promise<void>;
  createEndpoint(
    request: CreateEndpointRequest,
    signal: AbortSignal,
  ): Promise<CreateEndpointAnswer>;
  removeEndpoint(endpointId: string): Promise<void>;
  join(endpointId: string, sandboxKey: string): Promise<JoinAnswer>;
  leave(endpointId: string): Promise<void>;
  endpointInfo(endpointId: string): Readonly<Record<string, string>>;
  status(): readonly NetworkStatus[];
}

const NEXTHOP = 0;
const CONNECTED = 1;

export function networkDriverHandlers(driver: NetworkDriver): Handlers {
  const done = {};
  return {
    // The VLAN connects the nodes of a Swarm. Only with this answer do they tell each other the
    // names of services on a network of scope swarm. Other networks do not depend on it.
    'NetworkDriver.GetCapabilities': () => ({ Scope: 'local', ConnectivityScope: 'global' }),
    'NetworkDriver.CreateNetwork': async (body, signal) => {
      await driver.createNetwork(decodeCreateNetwork(body), signal);
      return done;
    },
    'NetworkDriver.DeleteNetwork': async (body) => {
      await driver.removeNetwork(decodeNetworkId(body));
      return done;
    },
    'NetworkDriver.CreateEndpoint': async (body, signal) => {
      const answer = await driver.createEndpoint(decodeCreateEndpoint(body), signal);
      const { address = '', macAddress = '', addressIpv6 } = answer;
      const AddressIPv6 = addressIpv6 === undefined ? {} : { AddressIPv6: addressIpv6 };
      return { Interface: { Address: address, ...AddressIPv6, MacAddress: macAddress } };
    },
    'NetworkDriver.DeleteEndpoint': async (body) => {
      await driver.removeEndpoint(decodeEndpointId(body));
      return done;
    },
    'NetworkDriver.EndpointOperInfo': (body) => ({
      Value: driver.endpointInfo(decodeEndpointId(body)),
    }),
    'NetworkDriver.Join': async (body) => {
      const { endpointId, sandboxKey } = decodeJoin(body);
      return encodeJoin(await driver.join(endpointId, sandboxKey));
    },
    'NetworkDriver.Leave': async (body) => {
      await driver.leave(decodeEndpointId(body));
      return done;
    },
    // Our own call, for operators: Docker shows only what a container started with. `table` must
    // come last and have no quotes in it, because scripts/plugin cuts it out with sed.
    'VlanDhcp.Status': () => {
      const networks = driver.status();
      return { networks, table: statusTable(networks) };
    },
    // Containers are hosts of their own in the VLAN. There is no port to map and no peer to learn.
    'NetworkDriver.ProgramExternalConnectivity': () => done,
    'NetworkDriver.RevokeExternalConnectivity': () => done,
    'NetworkDriver.DiscoverNew': () => done,
    'NetworkDriver.DiscoverDelete': () => done,
    // libnetwork does not make these calls with our capabilities. The answers leave it to DHCP.
    'NetworkDriver.GwAllocCheck': () => ({ SkipIPv4: true, SkipIPv6: true }),
    'NetworkDriver.AllocateNetwork': () => ({ Options: {} }),
    'NetworkDriver.FreeNetwork': () => done,
  };
}

function encodeJoin({ srcName, dstName, gateway, staticRoutes }: JoinAnswer): object {
  return {
    InterfaceName: {
      ...{ SrcName: srcName, DstPrefix: 'eth' },
      ...(dstName !== undefined && { DstName: dstName }),
    },
    Gateway: gateway ?? '',
    StaticRoutes: staticRoutes.map(encodeRoute),
    // Without this dockerd adds docker_gwbridge, a second way out, to a container without gateway.
    DisableGatewayService: true,
  };
}

function encodeRoute({ destination, prefixLength, via }: Route): object {
  const Destination = `${destination}/${prefixLength}`;
  return via === undefined
    ? { Destination, RouteType: CONNECTED }
    : { Destination, RouteType: NEXTHOP, NextHop: via };
}
