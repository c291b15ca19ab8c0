/**
 * How the links of containers are joined to a segment. Whoever wants to know whether there is a
 * bridge, where a lease is asked for, or which links a network needs, asks the attachment of the
 * network.
 */
import type { NetworkOptions } from '../../options/options.ts';
import type { AttachmentMode } from '../../vocabulary/attachment.ts';
import type { AttachedNetwork, Attachment } from './attachment.ts';
import { bridgeAttachment } from './bridge.ts';
import { ipvlanAttachment } from './ipvlan.ts';
import { macvlanAttachment } from './macvlan.ts';
import { vlanBridgeAttachment } from './vlan-bridge.ts';

export type { AttachedNetwork } from './attachment.ts';

const ATTACHMENTS: Readonly<Record<AttachmentMode, Attachment>> = {
  bridge: bridgeAttachment,
  'vlan-bridge': vlanBridgeAttachment,
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

/** The link of the host that hears and sends for the containers of the network. */
export function speakerOf(network: AttachedNetwork): string {
  return attachmentOf(network).speaker(network);
}

/** The links that a network needs beside its parent. They are made again when they are gone. */
export function linksOf({ options, vlanLink, outerLink }: AttachedNetwork): readonly string[] {
  return [options.bridge, vlanLink, outerLink].filter((name) => name !== undefined);
}
