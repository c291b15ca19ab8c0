/**
 * `/IpamDriver.*`: one handler per call that libnetwork knows (its remote IPAM API), each turning a decoded
 * request into a driver call and the answer into libnetwork's fields.
 */
import {
  ADDRESS_SPACE,
  type RequestAddressRequest,
  type RequestPoolAnswer,
  type RequestPoolRequest,
} from '../options/ipam-requests.ts';
import type { Handlers } from './handler.ts';
import {
  decodePoolAddress,
  decodePoolId,
  decodeRequestAddress,
  decodeRequestPool,
} from './ipam-messages.ts';

/** What `plugin/driver` promises to Docker's address management. */
export interface IpamDriver {
  /** libnetwork then makes up a MAC before it asks for an address; the built-in ipvlan refuses that. */
  readonly requiresMacAddress: boolean;
  requestPool(request: RequestPoolRequest, signal: AbortSignal): Promise<RequestPoolAnswer>;
  /** Unknown ids are no error. */
  releasePool(poolId: string): Promise<void>;
  /** @returns the address in CIDR form. */
  requestAddress(request: RequestAddressRequest, signal: AbortSignal): Promise<string>;
  /** Unknown addresses are no error: at `network rm` a gateway is released that was never requested. */
  releaseAddress(poolId: string, address: string): Promise<void>;
}

export function ipamDriverHandlers(driver: IpamDriver): Handlers {
  const done = {};
  return {
    'IpamDriver.GetCapabilities': () => ({
      RequiresMACAddress: driver.requiresMacAddress,
      // Our PoolIDs say all there is to know of a pool, and addresses are kept on disk.
      RequiresRequestReplay: false,
    }),
    'IpamDriver.GetDefaultAddressSpaces': () => ({
      LocalDefaultAddressSpace: ADDRESS_SPACE,
      GlobalDefaultAddressSpace: ADDRESS_SPACE,
    }),
    'IpamDriver.RequestPool': async (body, signal) =>
      encodePool(await driver.requestPool(decodeRequestPool(body), signal)),
    'IpamDriver.ReleasePool': async (body) => {
      await driver.releasePool(decodePoolId(body));
      return done;
    },
    'IpamDriver.RequestAddress': async (body, signal) => ({
      Address: await driver.requestAddress(decodeRequestAddress(body), signal),
      Data: {},
    }),
    'IpamDriver.ReleaseAddress': async (body) => {
      const { poolId, address } = decodePoolAddress(body);
      await driver.releaseAddress(poolId, address);
      return done;
    },
  };
}

function encodePool({ poolId, pool, gateway }: RequestPoolAnswer): object {
  const answer = { PoolID: poolId, Pool: pool };
  // Without it libnetwork asks for the gateway by RequestAddress.
  if (gateway === undefined) return answer;
  return { ...answer, Data: { 'com.docker.network.gateway': gateway } };
}
