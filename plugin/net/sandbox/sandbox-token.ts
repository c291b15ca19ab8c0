/**
 * Gives a container's link a chosen interface identifier. Its kernel then makes the addresses of
 * prefixes with it, of later prefixes too.
 *
 * The link may have heard a router before. Its kernel has then made an address of the MAC, which
 * nobody wants. That address is taken away.
 */
import { interfaceIdIn, isLinkLocal, type Ipv6 } from '../../wire/address6.ts';
import { SystemCallError } from '../libc.ts';
import {
  aboutAllAddresses,
  addressRemoval,
  decodeAddress,
  decodeToken,
  INET6,
  tokenOfLink,
} from '../netlink/address-messages.ts';
import { aboutLink, linkBody } from '../netlink/link-messages.ts';
import { readSetting } from '../sysctl.ts';
import { inNetns } from './netns.ts';
import { cidr, makeChange, readAll, type OpenSandbox } from './sandbox-config.ts';

const PREFIX_LENGTH = 64;

/**
 * Does nothing if the link has it: the kernel takes all addresses away when it is set. A link that
 * takes no advertisements gets no address of a prefix, so it needs none.
 * @throws SystemCallError.
 */
export async function setToken(
  sandbox: OpenSandbox,
  netnsPath: string,
  token: Ipv6,
): Promise<void> {
  const { link, socket } = sandbox;
  const what = `setting the interface identifier ${token} of link ${link.name}`;
  const [answer] = await socket.ask([aboutLink(link.index)], what);
  if (answer !== undefined && decodeToken(linkBody(answer)) === token) return;
  try {
    await makeChange(sandbox, { request: tokenOfLink(link.index, token), what });
  } catch (error) {
    const isRefused = error instanceof SystemCallError && error.code === 'EINVAL';
    if (!isRefused || inNetns(netnsPath, () => takesAdvertisements(link.name))) throw error;
  }
}

/** Accept_ra of 1 means: unless the link forwards. */
function takesAdvertisements(link: string): boolean {
  const accepts = readSetting(`ipv6/conf/${link}/accept_ra`);
  return (
    accepts === '2' || (accepts !== '0' && readSetting(`ipv6/conf/${link}/forwarding`) === '0')
  );
}

/** Takes away the addresses of prefixes with that identifier. @throws SystemCallError. */
export async function removeMadeOf(sandbox: OpenSandbox, interfaceId: Ipv6): Promise<void> {
  const { link, socket } = sandbox;
  const all = await readAll(socket, aboutAllAddresses(INET6), 'reading the addresses');
  const strays = all
    .map((body) => decodeAddress(INET6, body))
    .filter((entry) => entry.link === link.index && entry.prefixLength === PREFIX_LENGTH)
    .filter(({ address }) => !isLinkLocal(address))
    .filter(({ address }) => interfaceIdIn(address) === interfaceId);
  for (const entry of strays) {
    await makeChange(sandbox, {
      request: addressRemoval(INET6, entry),
      what: `removing address ${cidr(entry)} from link ${link.name}`,
      goneAs: 'EADDRNOTAVAIL',
    });
  }
}
