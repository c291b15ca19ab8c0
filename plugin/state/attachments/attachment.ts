/** What an attachment says of a network: one file for each kind, `attachments.ts` has them all. */
import type { TheirLink } from '../../host.ts';
import type { SocketPlace } from '../../leasing/sockets/frame-socket.ts';
import type { NetworkOptions } from '../../options/options.ts';
import type { Connection } from '../../vocabulary/attachment.ts';
import type { PortRules } from '../../vocabulary/port-rules.ts';

/** What an attachment needs to know about a network. */
export interface AttachedNetwork {
  readonly options: Pick<
    NetworkOptions,
    | 'parent'
    | 'vlan'
    | 'mode'
    | 'bridge'
    | 'uplink'
    | 'macvlanMode'
    | 'isolate'
    | 'hostAccess'
    | 'guard'
  >;
  /** The VLAN link in use. Undefined for an untagged network. */
  readonly vlanLink: string | undefined;
  /** The link of the outer tag. Undefined unless there are two. */
  readonly outerLink?: string | undefined;
  /** Links that an operator made. */
  readonly theirs?: readonly TheirLink[] | undefined;
}

export interface Attachment {
  /** The link of the host that hears and sends for containers: on it, every host is reached. */
  speaker(network: AttachedNetwork): string;
  /** True if all containers have the MAC of the link below. Then only the client-id differs. */
  readonly isMacShared: boolean;
  /** The bridge whose ports containers are, and where their rules are kept. Undefined: none. */
  bridgeOfPorts(network: AttachedNetwork): string | undefined;
  /** The bridge that the firewall must let through. Undefined if no frame goes by a bridge. */
  firewalledBridge(network: AttachedNetwork): string | undefined;
  /** The place on the host from which a container is heard whose own link cannot be used. */
  placeInHost(network: AttachedNetwork): SocketPlace;
  /** The place from which a lease is asked for while the container's link is in the host. */
  leasePlace(network: AttachedNetwork, containerEnd: string): SocketPlace;
  /** The link by which the requests of a joined container leave. Undefined: its own link. */
  requestsLeaveBy(network: AttachedNetwork): string | undefined;
  /** What a new link of a container is connected to. */
  connection(network: AttachedNetwork, rules: PortRules): Connection;
  /** @returns why these options cannot be had with this mode. Undefined if they can. */
  refusal(options: AttachedNetwork['options']): string | undefined;
  /** @returns what this mode cannot guard, in a sentence for the log. */
  unguarded(network: AttachedNetwork): string | undefined;
  /** @returns why the two cannot be side by side, in one sentence. Undefined if they can. */
  clash(options: AttachedNetwork['options'], other: AttachedNetwork & Named): string | undefined;
}

export interface Named {
  readonly id: string;
}
