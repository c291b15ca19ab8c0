/**
 * Prints a state machine as a Mermaid diagram, from the same table that the tests assert. Node 20
 * does not run TypeScript, so type:
 *   npx esbuild scripts/state-diagram.ts --bundle --platform=node --format=esm \
 *     | node --input-type=module - [dhcp4|acd]
 */
import { PROBE_TRANSITIONS } from '../plugin/acd/probe-state.ts';
import { TRANSITIONS } from '../plugin/dhcp4/client/client.ts';

const tables: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  dhcp4: TRANSITIONS,
  acd: PROBE_TRANSITIONS,
};

/** Mermaid allows no hyphen in the name of a state. So the diagram gives the shown name apart. */
function diagram(table: Readonly<Record<string, readonly string[]>>): string {
  const identifier = (name: string): string => name.replaceAll('-', '_');
  const names = Object.keys(table);
  return [
    'stateDiagram-v2',
    ...names.map((name) => `  state "${name}" as ${identifier(name)}`),
    `  [*] --> ${identifier(names[0]!)}`,
    ...Object.entries(table).flatMap(([from, targets]) =>
      targets.length === 0
        ? [`  ${identifier(from)} --> [*]`]
        : targets.map((to) => `  ${identifier(from)} --> ${identifier(to)}`),
    ),
  ].join('\n');
}

const wanted = process.argv[2] ?? 'dhcp4';
const table = tables[wanted];
if (table === undefined) {
  process.stderr.write(`no machine "${wanted}"; there are: ${Object.keys(tables).join(', ')}\n`);
  process.exitCode = 1;
} else {
  process.stdout.write(`${diagram(table)}\n`);
}
