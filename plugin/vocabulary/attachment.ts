/** The vocabulary of attachment: how the links of containers are joined to a segment. */
import type { PortRules } from './port-rules.ts';

/**
 * `bridge`: a veth into a bridge of the host. `vlan-bridge`: a veth into an operator's bridge that
 * filters VLANs; the port is in one VLAN. `macvlan`, `ipvlan`: a link of that kind, directly on the
 * VLAN link or on the parent.
 */
export const ATTACHMENT_MODES = ['bridge', 'vlan-bridge', 'macvlan', 'ipvlan'] as const;
export type AttachmentMode = (typeof ATTACHMENT_MODES)[number];

/** True if a container's link has an end in the host, which is a port of a bridge. */
export function hasPort(mode: AttachmentMode): boolean {
  return mode === 'bridge' || mode === 'vlan-bridge';
}

/** Whether macvlan links on one link reach each other: directly, not at all, or by the switch. */
export const MACVLAN_MODES = ['bridge', 'private', 'vepa'] as const;
export type MacvlanMode = (typeof MACVLAN_MODES)[number];

/** A container's link, by the names that its ends have in the host's namespace. */
export interface ContainerLink {
  /** The end that stays in the host. Undefined if the link has none (macvlan, ipvlan). */
  readonly hostEnd: string | undefined;
  /** The end that becomes the container's interface. */
  readonly containerEnd: string;
}

/** The end that carries our mark, and that is removed: with it the whole link goes. */
export function ownEnd({ hostEnd, containerEnd }: ContainerLink): string {
  return hostEnd ?? containerEnd;
}

/** What a container's link is connected to. */
export type Connection =
  | {
      readonly kind: 'veth';
      readonly bridge: string;
      readonly rules: PortRules;
      /** True if it does not reach other isolated ports of the bridge. If undefined: false. */
      readonly isIsolated?: boolean;
      /** The VLAN of the port, if the bridge filters VLANs. If undefined: as the bridge has it. */
      readonly vlan?: number | undefined;
    }
  | { readonly kind: 'macvlan'; readonly lower: string; readonly mode: MacvlanMode }
  | {
      readonly kind: 'ipvlan';
      readonly lower: string;
      /** True if no ipvlan link on `lower` reaches another one. If undefined: false. */
      readonly isIsolated?: boolean;
    };

/**
 * Where a container's link is. `away`: in a container, as far as can be seen from the host. `gone`:
 * nowhere.
 */
export type LinkPresence = 'here' | 'away' | 'gone';
