/** What dockerd asks of an IpamDriver, decoded. Field names are spelled as in libnetwork. */
import type { RequestAddressRequest, RequestPoolRequest } from '../options/ipam-requests.ts';
import { invalid, matchingField, objectField, textField, type JsonObject } from './json.ts';

/**
 * PoolIDs are ours, so the driver checks their parts. This only keeps odd text out of logs and
 * messages.
 */
const POOL_ID = /^[\x21-\x7e]{1,200}$/;

const ADDRESS_TYPE = 'RequestAddressType';
const GATEWAY = 'com.docker.network.gateway';
const ENDPOINT_MAC = 'com.docker.network.endpoint.macaddress';
const ENDPOINT_NAME = 'com.docker.network.endpoint.name';

export function decodeRequestPool(body: JsonObject): RequestPoolRequest {
  return {
    addressSpace: textField(body, 'AddressSpace'),
    pool: textField(body, 'Pool'),
    subPool: textField(body, 'SubPool'),
    options: objectField(body, 'Options'),
    v6: body['V6'] === true,
  };
}

export function decodeRequestAddress(body: JsonObject): RequestAddressRequest {
  const asked = decodePoolAddress(body);
  return { ...asked, purpose: purpose(body, asked.address) };
}

/** The argument of ReleaseAddress. */
export function decodePoolAddress(body: JsonObject): { poolId: string; address: string } {
  return { poolId: decodePoolId(body), address: textField(body, 'Address') };
}

export function decodePoolId(body: JsonObject): string {
  return matchingField(body, 'PoolID', POOL_ID, "a pool's id");
}

function purpose(body: JsonObject, address: string): RequestAddressRequest['purpose'] {
  // Here null is not the empty map. Engines up to 28 send null for an endpoint if no address is
  // wanted and no MAC is required. An aux address or a replayed address always names an address.
  if ((body['Options'] ?? null) === null && address !== '') return undefined;
  const options = objectField(body, 'Options');
  const type = textField(options, ADDRESS_TYPE);
  if (type === GATEWAY) return { kind: 'gateway' };
  if (type !== '') throw invalid(`${ADDRESS_TYPE} ${JSON.stringify(type)} is not known`);
  return {
    kind: 'endpoint',
    macAddress: textField(options, ENDPOINT_MAC) || undefined,
    name: textField(options, ENDPOINT_NAME) || undefined,
  };
}
