/**
 * The chains of nf_tables that a forwarded frame passes, as values: who reads them (net/) and who
 * judges them (doctor/) have these in common.
 */

/** `reject` also ends the frame. */
export type Verdict =
  | { readonly type: 'accept' | 'drop' | 'reject' | 'return' }
  | { readonly type: 'jump' | 'goto'; readonly chain: string };

/** What a `meta` expression loads, as far as it is known of a frame between two ports. */
export type LoadedKey =
  | 'input-name'
  | 'output-name'
  | 'input-index'
  | 'output-index'
  | 'input-kind'
  | 'output-kind'
  | 'bridge-name'
  | 'family'
  | 'protocol'
  | 'connection-state';

/** Registers are counted in bytes, because short and long ones share their memory. */
export type Expression =
  /** A key of which nothing is known is undefined. */
  | { readonly type: 'load'; readonly key: LoadedKey | undefined; readonly register: number }
  | {
      readonly type: 'mask';
      readonly from: number;
      readonly register: number;
      readonly mask: Uint8Array;
      readonly flips: Uint8Array;
    }
  | {
      readonly type: 'compare';
      readonly register: number;
      readonly isEqual: boolean;
      readonly bytes: Uint8Array;
    }
  | {
      readonly type: 'lookup';
      readonly register: number;
      /** True if the rule goes on where the set does not have the key. */
      readonly isInverted: boolean;
      /** True for a map of verdicts. Without its key it decides nothing. */
      readonly isVerdict: boolean;
      /** Undefined if the set could not be read, or has ranges. */
      readonly elements: readonly SetElement[] | undefined;
    }
  | { readonly type: 'verdict'; readonly verdict: Verdict }
  /** Something else that a frame has to fulfil. */
  | { readonly type: 'test' };

export interface SetElement {
  readonly key: Uint8Array;
  readonly verdict: Verdict | undefined;
}

export interface ForwardRule {
  /** nft shows it with `-a`. */
  readonly handle: number;
  readonly expressions: readonly Expression[];
}

export type ChainFamily = 'inet' | 'ip' | 'ip6' | 'bridge';

export interface ForwardChain {
  readonly family: ChainFamily;
  readonly table: string;
  readonly name: string;
  /** Of a chain that the kernel calls for each forwarded frame. Undefined for all others. */
  readonly policy: 'accept' | 'drop' | undefined;
  readonly rules: readonly ForwardRule[];
}

/** What nf_tables does to frames between two ports of a bridge. */
export interface Forwarding {
  readonly chains: readonly ForwardChain[];
  /** True if bridged packets of that family pass the chains for IP (br_netfilter). */
  readonly passesIp: { readonly ipv4: boolean; readonly ipv6: boolean };
}
