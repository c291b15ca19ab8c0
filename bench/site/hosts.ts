/**
 * Makes two hosts of one kind to measure traffic between them: containers of a network, or
 * namespaces.
 */
import { docker } from '../../test/support/lab/lab.ts';
import { ipBatch } from './driver.ts';
import { firewallOf, subnetOf, type LinkNumber } from './site.ts';
import type { Variant } from './variants.ts';

/** Two hosts, and the address of the firewall for them. */
export interface Pair {
  readonly name: string;
  /** The words that run a command in the first and in the second host. */
  readonly first: readonly string[];
  readonly second: readonly string[];
  readonly secondAddress: string;
  readonly firewall: string;
}

/** How a pair is made. */
export interface Kind {
  readonly name: string;
  /** @returns why this kind is not available. */
  readonly prepare?: () => Promise<string | undefined>;
  readonly make: () => Pair | Promise<Pair>;
}

/**
 * Makes two containers on an existing network.
 * @param more further words of their `--network`.
 */
export async function containers(
  { name, network }: Variant,
  firewall: string,
  more: readonly string[] = [],
): Promise<Pair> {
  const made: { enter: string[]; address: string }[] = [];
  for (let number = 0; number < 2; number += 1) {
    // Docker's own bridge takes only the short form.
    const attached = more.length === 0 ? network : [`name=${network}`, ...more].join(',');
    const id = await docker('run', '-d', '--network', attached, 'bb');
    const format = `{{.State.Pid}} {{(index .NetworkSettings.Networks "${network}").IPAddress}}`;
    const [pid = '', address = ''] = (await docker('inspect', '-f', format, id)).split(' ');
    made.push({ enter: ['nsenter', '-t', pid, '-n'], address });
  }
  const [first, second] = made;
  if (first === undefined || second === undefined) throw new Error('two were made');
  return {
    name,
    first: first.enter,
    second: second.enter,
    secondAddress: second.address,
    firewall,
  };
}

/**
 * Makes two namespaces, each with a veth in a bridge of link `n`. Nobody hears leases or guards a
 * port.
 */
export function bareHosts(name: string, bridge: string, n: LinkNumber): Pair {
  const enter = ['a', 'b'].map((letter, index) => {
    const host = `bare${n}${letter}`;
    ipBatch([
      `netns add ${host}`,
      `link add ${host} type veth peer name eth0 netns ${host}`,
      `link set ${host} master ${bridge} up`,
    ]);
    const address = `10.2${n}.128.${index + 1}/${subnetOf(n).split('/')[1]}`;
    ipBatch([`link set lo up`, `address add ${address} dev eth0`, `link set eth0 up`], host);
    return ['ip', 'netns', 'exec', host];
  });
  const [first = [], second = []] = enter;
  return { name, first, second, secondAddress: `10.2${n}.128.2`, firewall: firewallOf(n) };
}
