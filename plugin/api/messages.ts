/** What dockerd asks of a NetworkDriver, decoded. Field names are spelled as in libnetwork. */
import type { CreateEndpointRequest } from '../endpoints/endpoint-setup.ts';
import type { CreateNetworkRequest, IpamData } from '../options/network-requests.ts';
import { macFromBytes, type Mac } from '../wire/address.ts';
import {
  invalid,
  matchingField,
  objectField,
  objectsField,
  textField,
  type JsonObject,
} from './json.ts';

/** Docker's ids become file names: 64 hex digits, or 25 digits of base 36 for a swarm network. */
const ID = /^[A-Za-z0-9_-]{1,128}$/;

export function decodeCreateNetwork(body: JsonObject): CreateNetworkRequest {
  const options = objectField(body, 'Options');
  return {
    networkId: decodeNetworkId(body),
    options: objectField(options, 'com.docker.network.generic'),
    internal: options['com.docker.network.internal'] === true,
    ipv4: options['com.docker.network.enable_ipv4'] !== false,
    ipv4Data: ipamData(body, 'IPv4Data'),
    ipv6Data: ipamData(body, 'IPv6Data'),
  };
}

export function decodeCreateEndpoint(body: JsonObject): CreateEndpointRequest {
  const given = objectField(body, 'Interface');
  const options = objectField(body, 'Options');
  return {
    networkId: decodeNetworkId(body),
    endpointId: decodeEndpointId(body),
    interface: {
      address: textField(given, 'Address'),
      addressIpv6: textField(given, 'AddressIPv6'),
      macAddress: textField(given, 'MacAddress'),
    },
    userMac: goBytesMac(options['com.docker.network.endpoint.macaddress']),
    options,
  };
}

export function decodeJoin(body: JsonObject): { endpointId: string; sandboxKey: string } {
  const sandboxKey = textField(body, 'SandboxKey');
  if (!/^\/[\x21-\x7e]{1,4000}$/.test(sandboxKey) || sandboxKey.split('/').includes('..')) {
    throw invalid(`SandboxKey ${JSON.stringify(sandboxKey)} is not an absolute path`);
  }
  return { endpointId: decodeEndpointId(body), sandboxKey };
}

export function decodeNetworkId(body: JsonObject): string {
  return matchingField(body, 'NetworkID', ID, 'an id');
}

export function decodeEndpointId(body: JsonObject): string {
  return matchingField(body, 'EndpointID', ID, 'an id');
}

function ipamData(body: JsonObject, key: string): IpamData[] {
  return objectsField(body, key).map((item) => ({
    addressSpace: textField(item, 'AddressSpace'),
    pool: textField(item, 'Pool'),
    gateway: textField(item, 'Gateway'),
  }));
}

/** A MAC is bytes in Go, so Go writes it in base64. */
function goBytesMac(value: unknown): Mac | undefined {
  if (typeof value !== 'string' || !/^[A-Za-z0-9+/]{8}$/.test(value)) return undefined;
  return macFromBytes(Buffer.from(value, 'base64'));
}
