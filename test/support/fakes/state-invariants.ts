/** What must be true of the state after a restart, whenever the plugin was killed. */
import type { DriverRig } from './driver-rig.ts';

/** @returns what is wrong with the state. Nothing if all is well. */
export function problemsOf(rig: DriverRig): string[] {
  const { leases, networks, pools } = rig.store.contents;
  const alive = leases.filter(({ lease }) => lease !== undefined);
  const scopes = [...networks, ...pools].map(({ id }) => id);
  const ends = rig.store.endpoints.map(({ hostEnd }) => hostEnd);
  return [
    ...twice(alive.map(({ scopeId, clientId }) => `lease of ${clientId} in ${scopeId}`)),
    ...twice(alive.map(({ scopeId, lease }) => `address ${lease!.address} in ${scopeId}`)),
    ...twice(rig.store.endpoints.map(({ id }) => `endpoint ${id}`)),
    ...twice(ends.map((link) => `link ${link}`)),
    ...leases.filter(({ scopeId }) => !scopes.includes(scopeId)).map(({ id }) => `lease ${id} of no network`), // prettier-ignore
    ...[...rig.host.endpoints.keys()]
      .filter((link) => !ends.includes(link))
      .map((link) => `link ${link} of nobody`),
    ...(JSON.stringify(rig.registry.leases()) === JSON.stringify(leases)
      ? []
      : ['memory and disk differ']),
  ];
}

function twice(names: readonly string[]): string[] {
  return names.filter((name, index) => names.indexOf(name) !== index).map((name) => `two: ${name}`);
}
