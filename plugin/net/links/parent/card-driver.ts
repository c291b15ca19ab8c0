/** Reads which driver a network card has: it tells what kind of machine or cloud this is. */
import { readdirSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { isLinkName } from '../../../vocabulary/link-name.ts';

/** A VLAN link on a bond on a card is deeper than most. */
const DEEPEST = 4;

/**
 * @returns the driver of the card, or of the first card below a bond or bridge. Undefined for a
 * link without a card.
 */
export function cardDriver(link: string, depth = 0): string | undefined {
  if (!isLinkName(link) || depth > DEEPEST) return undefined;
  const folder = `/sys/class/net/${link}`;
  try {
    return basename(readlinkSync(`${folder}/device/driver`));
  } catch {
    return lowerLinks(folder)
      .map((lower) => cardDriver(lower, depth + 1))
      .find((driver) => driver !== undefined);
  }
}

function lowerLinks(folder: string): readonly string[] {
  try {
    return readdirSync(folder).flatMap((name) => /^lower_(.+)/.exec(name)?.[1] ?? []);
  } catch {
    return [];
  }
}
