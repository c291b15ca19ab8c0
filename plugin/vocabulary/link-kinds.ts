/** The vocabulary of link kinds, as `ip -d link` names them. A network card has none. */

/**
 * Kinds of ports behind which there are containers and virtual machines of this host, or nothing.
 */
export const STAYS_IN_HOST: readonly (string | undefined)[] = ['veth', 'tun', 'dummy'];
