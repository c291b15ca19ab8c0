/** Reads the rules of iptables and ip6tables. It changes nothing, and makes no table. */
import type { FilterFact } from './facts.ts';
import { printed, textOf } from './texts.ts';

const FAMILIES = [
  {
    family: 'IPv4',
    program: 'iptables',
    setting: 'bridge-nf-call-iptables',
    tables: '/proc/net/ip_tables_names',
  },
  {
    family: 'IPv6',
    program: 'ip6tables',
    setting: 'bridge-nf-call-ip6tables',
    tables: '/proc/net/ip6_tables_names',
  },
] as const;

/** @returns those that bridged frames pass. */
export async function readFilters(): Promise<readonly FilterFact[]> {
  const filters: FilterFact[] = [];
  for (const { family, program, setting, tables } of FAMILIES) {
    // The setting is missing without the module br_netfilter.
    if (textOf(`/proc/sys/net/bridge/${setting}`).trim() !== '1') continue;
    filters.push({ family, program, rules: await rulesOf(program) });
    const other = await otherBackend(program, tables);
    const rules = other === undefined ? undefined : await rulesOf(other);
    // A host need not have it.
    if (other !== undefined && rules !== undefined) filters.push({ family, program: other, rules });
  }
  return filters;
}

/** A host may have rules in both. Running the old program would make its tables. */
async function otherBackend(program: string, tables: string): Promise<string | undefined> {
  const version = await printed(program, '-V');
  if (version?.includes('legacy') === true) return `${program}-nft`;
  const isInUse = textOf(tables).split('\n').includes('filter');
  return isInUse ? `${program}-legacy` : undefined;
}

async function rulesOf(program: string): Promise<readonly string[] | undefined> {
  return (await printed(program, '-w', '2', '-S'))?.split('\n').filter(Boolean);
}
