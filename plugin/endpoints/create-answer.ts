/** What libnetwork is told of a new endpoint. */
import type { EndpointRecord } from './records.ts';

/** Only what the request left empty: libnetwork refuses an answer that repeats what it set. */
export interface CreateEndpointAnswer {
  /** With its prefix length; undefined: it was given, or it comes later (`on_no_server=late`). */
  readonly address: string | undefined;
  readonly macAddress: string | undefined;
}

export function createAnswer(endpoint: EndpointRecord): CreateEndpointAnswer {
  const { terms, mac, macGiven, addressGiven } = endpoint;
  const { answered } = terms;
  return {
    address: addressGiven ? undefined : answered && `${answered.address}/${answered.prefixLength}`,
    macAddress: macGiven ? undefined : mac,
  };
}
