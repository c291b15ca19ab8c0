/**
 * How the links of containers are joined to a segment, one file for each kind. Whoever wants to
 * know whether there is a bridge, where a lease is asked for, or which links a network needs, asks
 * the attachment of the network.
 */
import type { SocketPlace } from '../../leasing/sockets/frame-socket.ts';
import type { NetworkOptions } from '../../options/options.ts';
import type { AttachmentMode, Connection } from '../../vocabulary/attachment.ts';
import type { PortRules } from '../../vocabulary/port-rules.ts';
import { bridgeAttachment } from './bridge.ts';
import { ipvlanAttachment } from './ipvlan.ts';
import { macvlanAttachment } from './macvlan.ts';

/** What an attachment needs to know about a network. */
export interface AttachedNetwork {
  readonly options: Pick<NetworkOptions, 'parent' | 'vlan' | 'mode' | 'bridge' | 'macvlanMode'>;
  /** The VLAN link in use. Undefined for an untagged network. */
  readonly vlanLink: string | undefined;
}

export interface Attachment {
  /** The link of the host that hears and sends for containers: on it, every host is reached. */
  speaker(network: AttachedNetwork): string;
  /** True if all containers have the MAC of the link below. Then only the client-id differs. */
  readonly isMacShared: boolean;
  /** True if a container's rules are kept at its port. False if it has no port in the host. */
  readonly hasPorts: boolean;
  /** The bridge that the firewall must let through. Undefined if no frame goes by a bridge. */
  firewalledBridge(network: AttachedNetwork): string | undefined;
  /** The link by which the requests of a joined container leave. Undefined: its own link. */
  requestsLeaveBy(network: AttachedNetwork): string | undefined;
  /** What a new link of a container is connected to. */
  connection(network: AttachedNetwork, rules: PortRules): Connection;
  /** @returns why the two cannot be side by side, in one sentence. Undefined if they can. */
  clash(options: AttachedNetwork['options'], other: AttachedNetwork & Named): string | undefined;
}

export interface Named {
  readonly id: string;
}

const ATTACHMENTS: Readonly<Record<AttachmentMode, Attachment>> = {
  bridge: bridgeAttachment,
  macvlan: macvlanAttachment,
  ipvlan: ipvlanAttachment,
};

export function attachmentOf({
  options,
}: {
  readonly options: Pick<NetworkOptions, 'mode'>;
}): Attachment {
  return ATTACHMENTS[options.mode];
}

/** The links that a network needs beside its parent. They are made again when they are gone. */
export function linksOf({ options, vlanLink }: AttachedNetwork): readonly string[] {
  return [options.bridge, vlanLink].filter((name) => name !== undefined);
}

/** The place on the host from which a container is heard whose own link cannot be used. */
export function placeInHost(network: AttachedNetwork): SocketPlace {
  const attachment = attachmentOf(network);
  const place = { link: attachment.speaker(network), promiscuous: true };
  return attachment.hasPorts ? place : { ...place, shared: true };
}
