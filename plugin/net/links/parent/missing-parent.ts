/** Says what to type instead of a parent that does not exist. */
import { PluginError } from '../../../vocabulary/errors.ts';
import { STAYS_IN_HOST } from '../../../vocabulary/link-kinds.ts';
import { parseUplinkAlias } from '../../../vocabulary/uplink-alias.ts';
import { flagOf, type SegmentSpec } from '../link-checks.ts';
import type { Link } from '../link-info.ts';
import { ENDPOINT_MARK, isMarked } from '../link-names.ts';

/** Bridges that Docker makes for networks of its own driver. */
const DOCKERS_BRIDGE = /^(docker0|docker_gwbridge|br-[0-9a-f]{12})$/;

/** @param links all links of the host. */
export function missingParent(spec: SegmentSpec, links: readonly Link[]): PluginError {
  const flag = flagOf(spec);
  const names = possibleParents(links);
  const [, base, vlan] = /^(.+)\.([1-9]\d{0,3})$/.exec(spec.parent) ?? [];
  const isTagged = base !== undefined && spec.vlan === undefined && names.includes(base);
  const hint = isTagged
    ? `for VLAN ${vlan} of ${base} type: ${flag} parent=${base} ${flag} vlan=${vlan}`
    : `set ${flag} parent= to one of: ${names.join(', ')}`;
  return new PluginError(
    'PARENT_LINK_MISSING',
    `parent link ${spec.parent} does not exist; ${hint}`,
    { evidence: { names } },
  );
}

/** Leaves out our links, Docker's links, and ports that lead to containers. */
function possibleParents(links: readonly Link[]): readonly string[] {
  const isOurs = ({ alias, lower }: Link): boolean =>
    (isMarked(alias) && parseUplinkAlias(alias) === undefined) ||
    links.some((other) => other.alias === ENDPOINT_MARK && other.name === lower);
  const isInside = ({ kind, master }: Link): boolean =>
    master !== undefined && STAYS_IN_HOST.includes(kind);
  const isDockers = ({ kind, name }: Link): boolean =>
    kind === 'bridge' && DOCKERS_BRIDGE.test(name);
  return links
    .filter((link) => !link.isLoopback && !isOurs(link) && !isInside(link) && !isDockers(link))
    .map(({ name }) => name);
}
