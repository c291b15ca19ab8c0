/**
 * Sets what this machine's firewall does with forwarded frames. It is set here and not inherited. A
 * network namespace begins with the host's ip_forward. If that is 0, dockerd sets the policy of
 * FORWARD to DROP.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';

export interface HostFirewall {
  readonly name: string;
  readonly policy: 'ACCEPT' | 'DROP';
  /** True if frames between two ports of one bridge pass FORWARD, too. */
  readonly filtersBridges: boolean;
}

/** The state of most hosts with Docker. */
export const DOCKER_HOST: HostFirewall = {
  name: 'FORWARD DROP, br_netfilter',
  policy: 'DROP',
  filtersBridges: true,
};
/** Nothing stops a frame. */
export const OPEN: HostFirewall = {
  name: 'FORWARD ACCEPT, no br_netfilter',
  policy: 'ACCEPT',
  filtersBridges: false,
};
export const FIREWALLS: readonly HostFirewall[] = [DOCKER_HOST, OPEN];

export interface Steps {
  /** Files of /proc/sys, and the values to write. */
  readonly settings: readonly (readonly [path: string, value: string])[];
  readonly commands: readonly (readonly string[])[];
}

const FORWARDING = '/proc/sys/net/ipv4/ip_forward';
const BRIDGES = '/proc/sys/net/bridge';
const TABLES = ['iptables', 'ip6tables'] as const;

/** @returns the steps. Or a sentence that says why this kernel cannot have this firewall. */
export function stepsTo(firewall: HostFirewall, hasBridgeFilter: boolean): Steps | string {
  if (firewall.filtersBridges && !hasBridgeFilter)
    return 'the kernel has no br_netfilter; modprobe br_netfilter on the host brings it';
  const value = firewall.filtersBridges ? '1' : '0';
  const bridges = TABLES.map((name) => [`${BRIDGES}/bridge-nf-call-${name}`, value] as const);
  return {
    settings: [[FORWARDING, '1'], ...(hasBridgeFilter ? bridges : [])],
    commands: TABLES.map((name) => [name, '-w', '-P', 'FORWARD', firewall.policy]),
  };
}

const hasBridgeFilter = () => existsSync(BRIDGES);

/** @returns a sentence that says why this machine cannot have it. Undefined if it can. */
export function lacks(firewall: HostFirewall): string | undefined {
  const steps = stepsTo(firewall, hasBridgeFilter());
  return typeof steps === 'string' ? steps : undefined;
}

/** @throws Error if the kernel cannot. */
export function setFirewall(firewall: HostFirewall): void {
  const steps = stepsTo(firewall, hasBridgeFilter());
  if (typeof steps === 'string') throw new Error(steps);
  for (const [path, value] of steps.settings) writeFileSync(path, value);
  for (const [file = '', ...args] of steps.commands) execFileSync(file, args);
}

/**
 * For parts that compare something else: the firewall of most hosts with Docker, if this kernel can
 * have it.
 */
export const usualFirewall = (): HostFirewall =>
  lacks(DOCKER_HOST) === undefined ? DOCKER_HOST : OPEN;
