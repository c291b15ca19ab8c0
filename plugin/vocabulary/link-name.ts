/** The vocabulary of link names: checks a name before it reaches `ip`, sysfs or /proc/sys. */

export const LINK_NAME_MAX_LENGTH = 15; // IFNAMSIZ - 1

/** The rule in words, for messages. */
export const LINK_NAME_RULE =
  'a link name: 1 to 15 of A–Z a–z 0–9 . _ -, beginning with a letter or digit';

/**
 * True if the text can be a link's name and is safe in any `ip` command. `all` and `default` are
 * refused, because below /proc/sys/net/…/conf they mean every link of the host.
 */
export function isLinkName(text: string): boolean {
  if (text === 'all' || text === 'default') return false;
  return text.length <= LINK_NAME_MAX_LENGTH && /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(text);
}
