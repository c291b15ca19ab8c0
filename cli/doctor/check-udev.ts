/**
 * Judges files of udev that also match links of the plugin (pure). A VLAN link has the MAC of its
 * parent, and `eth*` matches `eth1.500`. udev then gives the link another name or MAC.
 */
import type { HostFacts, LinkFact, UdevFile } from './facts.ts';
import { ok, warn, type Finding } from './finding.ts';

export function checkUdev({ links = [], udevFiles }: HostFacts): Finding[] {
  const vlanLinks = links.filter(({ alias }) => alias?.startsWith('vlandhcp vlan') === true);
  if (vlanLinks.length === 0) return [];
  const findings = udevFiles.flatMap(({ path, text }) => {
    const matches = path.endsWith('.link') ? linkFileMatches : rulesMatch;
    const hit = vlanLinks.find((link) => matches(text, link));
    if (hit === undefined) return [];
    const says = `${path} also matches ${hit.name}, a VLAN link of the plugin: udev may change its name or MAC`;
    return [warn('udev', hit.name, says, mendOf(path))];
  });
  if (findings.length > 0) return findings;
  return [ok('udev', 'host', 'no file of udev changes the names or MACs of VLAN links')];
}

function mendOf(path: string): string {
  return path.endsWith('.link')
    ? `in ${path} write PermanentMACAddress= in place of MACAddress=, or an OriginalName= without *, then: udevadm control --reload`
    : `add DRIVERS=="?*" to the rule in ${path}, which virtual links do not have, then: udevadm control --reload`;
}

/** What virtual links do not have. */
const ONLY_CARDS = ['PermanentMACAddress', 'Path', 'Driver', 'Property'];

/** systemd.link(5) */
function linkFileMatches(text: UdevFile['text'], link: LinkFact): boolean {
  const match = settingsOf(text, 'Match');
  const does = settingsOf(text, 'Link');
  if (ONLY_CARDS.some((key) => match.has(key))) return false;
  const [kinds, types] = [match.get('Kind'), match.get('Type')];
  if (kinds !== undefined && !isListed(kinds, 'vlan')) return false;
  if (types !== undefined && !isListed(types, 'vlan') && !isListed(types, 'ether')) return false;
  const [macs, names] = [match.get('MACAddress'), match.get('OriginalName')];
  if (macs === undefined && names === undefined) return false;
  if (macs !== undefined && !isListed(macs.toLowerCase(), link.mac)) return false;
  if (names !== undefined && !isListed(names, link.name)) return false;
  // Policies leave alone what a program has named, or has given a MAC.
  return does.has('Name') || does.has('MACAddress');
}

function settingsOf(text: string, section: string): ReadonlyMap<string, string> {
  const settings = new Map<string, string>();
  let here = '';
  for (const line of text.split('\n').map((one) => one.trim())) {
    here = /^\[(.+)\]$/.exec(line)?.[1] ?? here;
    const [, key, value = ''] = /^([A-Za-z]+)\s*=\s*(.*)$/.exec(line) ?? [];
    if (here === section && key !== undefined && value !== '') settings.set(key, value);
  }
  return settings;
}

/** Words with `*` and `?`. The first `!` inverts the list. */
function isListed(words: string, wanted: string | undefined): boolean {
  if (wanted === undefined) return false;
  if (words.startsWith('!')) return !isListed(words.slice(1), wanted);
  return words.split(/\s+/).some((word) => fits(word, wanted));
}

function fits(pattern: string, name: string): boolean {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(name);
}

/** udev(7). Only rules that set a name are looked at. */
function rulesMatch(text: UdevFile['text'], link: LinkFact): boolean {
  return text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .some((line) => !line.trim().startsWith('#') && ruleMatches(line, link));
}

function ruleMatches(line: string, link: LinkFact): boolean {
  if (!/(^|[\s,])NAME:?="/.test(line) || /\b(DRIVERS|SUBSYSTEMS|KERNELS)==/.test(line))
    return false;
  const mac = /ATTR\{address\}=="([^"]*)"/.exec(line)?.[1];
  const name = /\bKERNEL=="([^"]*)"/.exec(line)?.[1];
  if (mac === undefined && name === undefined) return false;
  if (mac !== undefined && !fits(mac.toLowerCase(), link.mac ?? '')) return false;
  return name === undefined || name.split('|').some((one) => fits(one, link.name));
}
