/**
 * `client_id`: a template for option 61 (RFC 2132 §9.14). The identifier has type 0, which means
 * that it is no hardware address, and then the text. It is made once, before the lease, and stored
 * with the lease.
 */
import { PluginError } from '../../vocabulary/errors.ts';
import { vlanLabel, type Vlan } from '../../vocabulary/vlan-tags.ts';
import type { Mac } from '../../wire/address.ts';

const TYPE_OTHER = '00';
/** The length of an option fits in one octet, and the type is one of them. */
const LONGEST_TEXT = 254;

const PLACES = ['name', 'mac', 'network', 'vlan'] as const;
type Place = (typeof PLACES)[number];

export interface ClientFacts {
  /** A name that Docker or a person gave. Never one that was made up. */
  readonly name: string | undefined;
  /** Undefined if other containers have the MAC, too. */
  readonly mac: Mac | undefined;
  /** Docker's id of the network, or our id of the pool. */
  readonly networkId: string;
  readonly vlan: Vlan | undefined;
}

/** What is wrong with a template. A network where all containers have one identifier is refused. */
export function templateProblem(template: string): string | undefined {
  if (!/^[\x21-\x7e]{1,128}$/.test(template)) return 'is not 1 to 128 visible ASCII characters';
  const rest = template.replace(/\{(name|mac|network|vlan)\}/g, '');
  if (/[{}]/.test(rest)) {
    return `has other braces than ${PLACES.map((place) => `{${place}}`).join(', ')}`;
  }
  return needsName(template) || template.includes('{mac}')
    ? undefined
    : 'would be the same for all containers; put {name} or {mac} into it';
}

export function needsName(template: string): boolean {
  return template.includes('{name}');
}

/**
 * @returns the payload of option 61 in hex.
 * @throws PluginError INVALID_OPTION if the template needs what is not known: a guess could give
 * one container the address of another.
 */
export function clientIdFrom(template: string, facts: ClientFacts): string {
  const values: Record<Place, string | undefined> = {
    name: facts.name,
    mac: facts.mac,
    network: facts.networkId.slice(0, 12),
    vlan: facts.vlan === undefined ? 'untagged' : vlanLabel(facts.vlan),
  };
  const text = template.replace(/\{(name|mac|network|vlan)\}/g, (_, place: Place) => {
    const value = values[place];
    if (value === undefined) throw unknown(template, place);
    return value;
  });
  if (text.length > LONGEST_TEXT) {
    throw new PluginError(
      'INVALID_OPTION',
      `client_id=${template} of the network becomes ${text.length} characters for this container, and ${LONGEST_TEXT} can be sent; give the container a shorter name`,
    );
  }
  return `${TYPE_OTHER}${Buffer.from(text).toString('hex')}`;
}

function unknown(template: string, place: Place): PluginError {
  return new PluginError(
    'INVALID_OPTION',
    place === 'name'
      ? `client_id=${template} of the network needs a name, and none is known of this container; type driver-opt id=NAME or hostname=NAME (with --ipam-driver vlandhcp engines before 29 tell no name: use {mac} there)`
      : `client_id=${template} of the network needs a MAC of the container's own, and here all containers have one MAC; use {name}`,
  );
}
