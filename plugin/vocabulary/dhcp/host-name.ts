/** Host names: their form (RFC 1123 §2.1), and the rule that turns any name into one. */

/** Labels of letters, digits and inner hyphens, 1 to 63 each; at most 253 in all. */
export function isHostName(text: string): boolean {
  const isLabel = (label: string) => /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(label);
  return text.length <= 253 && text.split('.').every(isLabel);
}

const LONGEST_LABEL = 63;
/** Behind the name of the service and the number of the task. */
const SWARM_TASK_ID = /(?<=\.[a-z0-9]+)\.[a-z0-9]{25}$/;

/**
 * Turns the name of a container into a host name of one label:
 *
 *   0. The id of a Swarm task is left out: `web.1.` and 25 characters is `web.1`.
 *   1. Letters lose their accents, and become lower case.
 *   2. Each run of characters other than letters, digits and hyphens becomes one hyphen. Dots, too:
 *      the name of a container names no domain.
 *   3. The label is cut to 63 characters. It has no hyphen at its ends.
 *
 * @returns undefined if nothing is left. The server is then told no name.
 */
export function hostNameFrom(name: string): string | undefined {
  const label = name
    .replace(SWARM_TASK_ID, '')
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, LONGEST_LABEL)
    .replace(/-+$/, '');
  return label === '' ? undefined : label;
}
