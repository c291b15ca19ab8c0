/**
 * Finds the link that carries a segment, for leases of containers on another driver's network.
 * Finding it starts no process. A missing VLAN link is made for as long as it is needed.
 */
import { readFileSync } from 'node:fs';
import { PluginError } from '../vocabulary/errors.ts';
import { isLinkName } from '../vocabulary/link-name.ts';
import {
  tagsOf,
  vlanLabel,
  type Segment,
  type Vlan,
  type VlanTag,
} from '../vocabulary/vlan-tags.ts';
import { UndoList } from '../undo.ts';
import { findLinkIndex } from './netlink/interface-request.ts';
import { ipBatch, isAlreadyThere } from './ip.ts';
import { oneNetworkAtATime } from './links/link-changes.ts';
import { checkSegment, checkVlanNameIsFree } from './links/link-checks.ts';
import { linkWithTags, readLink } from './links/link-info.ts';
import { vlanLinkName } from './links/link-names.ts';
import { joinForTheMoment } from './links/vlan-bridge.ts';
import { waitUntilReady } from './links/link-ready.ts';
import {
  examineOuterLink,
  findVlanLink,
  makeVlanLink,
  removeOuterLink,
  removeUnusedVlanLink,
  requireParent,
} from './links/vlan-link.ts';

interface VlanEntry {
  readonly name: string;
  readonly vlan: number;
  readonly parent: string;
}

/**
 * The list of VLAN links in this thread's namespace. The kernel makes it with the first VLAN link.
 */
const VLAN_CONFIG = '/proc/thread-self/net/vlan/config';

/**
 * What `ip` says of VLAN links, by name: the index of the link, and the kind of its tag. It has at
 * most one entry for each VLAN link's name.
 */
const seenTags = new Map<string, { readonly index: number; readonly protocol: string }>();

/**
 * Finds the link of the segment. Starts a process only for the first look at each VLAN link,
 * because the kernel's list does not tell 802.1Q from 802.1ad.
 * @returns its name, or undefined if there is no such link now.
 * @throws PluginError IP_COMMAND_FAILED.
 */
export async function findSegmentLink(segment: Segment): Promise<string | undefined> {
  const { parent, vlan } = segment;
  if (!isLinkName(parent)) return undefined;
  if (vlan === undefined) return findLinkIndex(parent) === undefined ? undefined : parent;
  const entries = readVlanConfig();
  if (entries === undefined) return (await findVlanLink(segment))?.name;
  let below: string | undefined = parent;
  for (const tag of tagsOf(vlan)) {
    if (below === undefined) return undefined;
    below = await findTagLink(entries, below, tag);
  }
  return below;
}

async function findTagLink(
  entries: readonly VlanEntry[],
  below: string,
  tag: VlanTag,
): Promise<string | undefined> {
  for (const { name } of entries.filter((one) => one.vlan === tag.id && one.parent === below)) {
    const index = findLinkIndex(name);
    if (index === undefined) continue; // it has just been removed
    const seen = seenTags.get(name);
    if (seen?.index === index) {
      if (seen.protocol === tag.protocol) return name;
      continue;
    }
    const link = await readLink(name);
    if (link?.vlan === undefined) continue;
    seenTags.set(name, { index: link.index, protocol: link.vlan.protocol });
    if (linkWithTags([link], below, [tag]) !== undefined) return name;
  }
  return undefined;
}

function readVlanConfig(): readonly VlanEntry[] | undefined {
  try {
    return parseVlanConfig(readFileSync(VLAN_CONFIG, 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * Reads the list as Linux has printed it since 2.4: two lines of heading, then three columns.
 * @returns undefined if the text has another form.
 */
export function parseVlanConfig(text: string): readonly VlanEntry[] | undefined {
  const [title, nameType, ...rows] = text.trimEnd().split('\n');
  if (!/^VLAN Dev name\s+\| VLAN ID$/.test(title ?? '')) return undefined;
  if (!/^Name-Type: \S+ *$/.test(nameType ?? '')) return undefined;
  const entries: VlanEntry[] = [];
  for (const row of rows) {
    const [, name, vlan, parent] = /^(\S+) *\| (\d+) +\| (\S+)$/.exec(row) ?? [];
    if (name === undefined || vlan === undefined || parent === undefined) return undefined;
    entries.push({ name, vlan: Number(vlan), parent });
  }
  return entries;
}

interface TemporaryLink {
  readonly name: string;
  readonly segment: Segment;
  users: number;
}

/** The links made here, by name. Each is removed when its last user lets it go. */
const temporaryLinks = new Map<string, TemporaryLink>();

/**
 * Runs `work` with the link that carries the segment. If there is none, makes a VLAN link and
 * removes it afterwards. It stays if somebody has taken it into use meanwhile.
 * @throws PluginError INVALID_OPTION, PARENT_LINK_MISSING, PARENT_LINK_UNUSABLE, LINK_CONFLICT,
 * VLAN_UNSUPPORTED, IP_COMMAND_FAILED; whatever `work` throws.
 */
export async function withSegmentLink<Result>(
  segment: Segment,
  work: (link: string) => Promise<Result>,
): Promise<Result> {
  checkSegment(segment);
  const held = await oneNetworkAtATime(() => hold(segment));
  if (typeof held === 'string') return work(held);
  try {
    await waitUntilReady([held.name]);
    return await work(held.name);
  } finally {
    await oneNetworkAtATime(() => letGo(held));
  }
}

/**
 * @returns the name of a link that was already there, or a temporary link that the caller must let
 * go.
 */
async function hold(segment: Segment): Promise<string | TemporaryLink> {
  if (segment.vlan === undefined) return (await requireParent(segment)).name;
  const existing = await findSegmentLink(segment);
  if (existing === undefined) return makeTemporaryLink(segment, segment.vlan);
  const temporary = temporaryLinks.get(existing);
  if (temporary !== undefined) {
    temporary.users += 1;
    return temporary;
  }
  const link = await readLink(existing);
  if (link?.isUp === false) {
    throw new PluginError(
      'PARENT_LINK_UNUSABLE',
      `VLAN link ${existing} is down; bring it up with: ip link set ${existing} up`,
      { evidence: { link } },
    );
  }
  return existing;
}

async function makeTemporaryLink(segment: Segment, vlan: Vlan): Promise<string | TemporaryLink> {
  const parent = await requireParent(segment);
  const name = vlanLinkName(segment.parent, vlan);
  checkVlanNameIsFree(segment, `VLAN ${vlanLabel(vlan)}`, await readLink(name));
  await examineOuterLink(segment);
  const undo = new UndoList();
  try {
    await makeVlanLink(segment, parent, name, undo);
    await joinForTheMoment(segment, name, undo);
    await ipBatch([`link set dev ${name} up`]);
  } catch (error) {
    // Somebody else has made the link first. We made nothing, so there is nothing to undo.
    const other = isAlreadyThere(error) ? await findVlanLink(segment) : undefined;
    if (other !== undefined) return other.name;
    throw await undo.run(error);
  }
  const made = { name, segment, users: 1 };
  temporaryLinks.set(name, made);
  return made;
}

/**
 * Never throws, so that the result of `work` is not lost. The next start removes a link that stays.
 */
async function letGo(held: TemporaryLink): Promise<void> {
  held.users -= 1;
  // If another link of that name has taken its place, somebody else has removed this one.
  if (held.users > 0 || temporaryLinks.get(held.name) !== held) return;
  temporaryLinks.delete(held.name);
  try {
    await removeUnusedVlanLink(held.name);
    await removeOuterLink(held.segment);
  } catch (error) {
    process.emitWarning(`link ${held.name} could not be removed: ${(error as Error).message}`);
  }
}
