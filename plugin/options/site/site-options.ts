/** Reads the options of `site-option-table.ts`, and finds those that contradict others. */
import type { AttachmentMode } from '../../vocabulary/attachment.ts';
import { parseIpv4, type Ipv4 } from '../../wire/address.ts';
import { parseAddresses } from '../option-values.ts';
import { needsName } from './client-id-template.ts';
import {
  ON_CHANGE,
  parseRequest,
  VENDOR_CLASS,
  type OnChange,
  type SITE_OPTIONS,
} from './site-option-table.ts';

export interface SiteOptions {
  /** A template for option 61. Undefined: type 1 and the MAC. */
  readonly clientId: string | undefined;
  /** Option 60. `none`: it is not sent. */
  readonly vendorClass: string;
  /** Option 77. */
  readonly userClass: string | undefined;
  readonly registerDns: boolean;
  /** Servers that are never taken. */
  readonly dhcpDeny: readonly Ipv4[];
  /** Undefined: the gateway of the lease. */
  readonly gateway: Ipv4 | 'none' | undefined;
  readonly routes: 'lease' | 'none';
  /** Codes of further options. */
  readonly request: readonly number[];
  readonly requireMac: boolean;
  readonly onChange: OnChange;
}

type Text = (key: keyof typeof SITE_OPTIONS | 'dhcp_server' | 'mode') => string | undefined;

/** @param text each option as typed. All have passed the checks of their own. */
export function siteOptionsOf(text: Text): SiteOptions {
  const gateway = text('gateway');
  const userClass = text('user_class');
  return {
    clientId: text('client_id'),
    vendorClass: text('vendor_class') ?? VENDOR_CLASS,
    userClass: userClass === 'none' ? undefined : userClass,
    registerDns: text('register_dns') === 'true',
    dhcpDeny: parseAddresses(text('dhcp_deny') ?? '') ?? [],
    gateway: gateway === 'none' ? 'none' : parseIpv4(gateway ?? ''),
    routes: text('routes') === 'none' ? 'none' : 'lease',
    request: parseRequest(text('request') ?? '') ?? [],
    requireMac: text('require_mac') === 'true',
    onChange: ON_CHANGE.find((one) => one === text('on_change')) ?? 'apply',
  };
}

/** @param flag the flag before each option, and a blank. */
export function siteProblems(flag: string, mode: AttachmentMode, text: Text): readonly string[] {
  const allowed = parseAddresses(text('dhcp_server') ?? '') ?? [];
  const denied = parseAddresses(text('dhcp_deny') ?? '') ?? [];
  const [both] = allowed.filter((server) => denied.includes(server));
  const template = text('client_id');
  const isIpvlan = mode === 'ipvlan';
  return [
    ...(both === undefined
      ? []
      : [`${both} is in ${flag}dhcp_server= and in ${flag}dhcp_deny=; take it out of one of them`]),
    ...(isIpvlan && template !== undefined && !needsName(template)
      ? [
          `${flag}client_id=${template} would be the same for all containers of mode=ipvlan, which have one MAC; put {name} into it`,
        ]
      : []),
    ...(isIpvlan && text('require_mac') === 'true'
      ? [
          `${flag}require_mac=true cannot be had with mode=ipvlan, where all containers have one MAC; take mode=bridge or mode=macvlan`,
        ]
      : []),
  ];
}
