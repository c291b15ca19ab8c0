/**
 * dockerd's requests, decoded: exact about the fields that are read, tolerant of all others, because
 * Docker adds fields between versions. Field names are spelled as libnetwork spells them.
 */
import { PluginError } from '../errors.ts';
import type { CreateEndpointRequest } from '../driver/endpoint-setup.ts';
import type { CreateNetworkRequest, IpamData } from '../driver/networks.ts';
import { macFromBytes, type Mac } from '../wire/address.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** Docker's ids become file names here: 64 hex digits, or 25 of base 36 for a swarm network. */
const ID = /^[A-Za-z0-9_-]{1,128}$/;

/**
 * @param body the raw text of the request.
 * @throws PluginError INVALID_REQUEST. An empty body is what dockerd's retry after a broken connection
 * sends: it must be refused, and nothing done.
 */
export function parseBody(body: string): JsonObject {
  if (body.trim() === '') {
    throw invalid(
      'the request has no body: it is a retry of a call whose connection broke; try again',
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (error) {
    throw invalid(
      `the request is not JSON: ${error instanceof Error ? error.message : 'unreadable'}`,
    );
  }
  if (!isObject(value)) throw invalid('the request is not a JSON object');
  return value;
}

export function decodeCreateNetwork(body: JsonObject): CreateNetworkRequest {
  const options = objectField(body, 'Options');
  return {
    networkId: id(body, 'NetworkID'),
    options: objectField(options, 'com.docker.network.generic'),
    internal: options['com.docker.network.internal'] === true,
    ipv4Data: ipamData(body, 'IPv4Data'),
    ipv6Data: ipamData(body, 'IPv6Data'),
  };
}

export function decodeCreateEndpoint(body: JsonObject): CreateEndpointRequest {
  const given = objectField(body, 'Interface');
  const options = objectField(body, 'Options');
  return {
    networkId: id(body, 'NetworkID'),
    endpointId: id(body, 'EndpointID'),
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
  return { endpointId: id(body, 'EndpointID'), sandboxKey };
}

export function decodeNetworkId(body: JsonObject): string {
  return id(body, 'NetworkID');
}

export function decodeEndpointId(body: JsonObject): string {
  return id(body, 'EndpointID');
}

function id(body: JsonObject, key: string): string {
  const value = body[key];
  if (typeof value === 'string' && ID.test(value)) return value;
  throw invalid(`${key} is ${value === undefined ? 'missing' : 'not an id'}`);
}

/** Absent and null count as empty, as Go's JSON writes nil maps. */
function objectField(body: JsonObject, key: string): JsonObject {
  const value = body[key] ?? {};
  if (isObject(value)) return value;
  throw invalid(`${key} is not an object`);
}

function textField(body: JsonObject, key: string): string {
  const value = body[key] ?? '';
  if (typeof value === 'string') return value;
  throw invalid(`${key} is not text`);
}

function ipamData(body: JsonObject, key: string): IpamData[] {
  const value = body[key] ?? [];
  if (!Array.isArray(value) || !value.every(isObject))
    throw invalid(`${key} is not a list of objects`);
  return value.map((item) => ({
    addressSpace: textField(item, 'AddressSpace'),
    pool: textField(item, 'Pool'),
    gateway: textField(item, 'Gateway'),
  }));
}

/** Go writes a MAC, which is bytes to it, in base64. */
function goBytesMac(value: unknown): Mac | undefined {
  if (typeof value !== 'string' || !/^[A-Za-z0-9+/]{8}$/.test(value)) return undefined;
  return macFromBytes(Buffer.from(value, 'base64'));
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(what: string): PluginError {
  return new PluginError('INVALID_REQUEST', what);
}
