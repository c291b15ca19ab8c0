import { describe, expect, it } from 'vitest';
import { PluginError } from '../../../../plugin/vocabulary/errors.ts';
import { outcomeOf, outcomeOfError } from '../../../../plugin/net/firewall/firewall.ts';

function failed(evidence: { exitCode: number | undefined; missing: boolean }): PluginError {
  const command = 'iptables-nft -w -S';
  return new PluginError('IP_COMMAND_FAILED', `"${command}" failed`, {
    evidence: { command, stderr: '', ...evidence },
  });
}

describe('what is known of the firewall', () => {
  it.each([
    ['a program that cannot be started, or takes too long', undefined],
    ['a program that ends badly', 4],
  ])('nothing, after %s', (_what, exitCode) => {
    const error = failed({ exitCode, missing: false });
    const { outcome, warning } = outcomeOfError(error, 'iptables', ['br0', 'br1']);
    expect(outcome).toBe('failed');
    expect(warning).toContain('br0, br1 may be dropped');
  });

  it('that there is no chain to see to, where the program is not installed', () => {
    const error = failed({ exitCode: undefined, missing: true });
    const { outcome, warning } = outcomeOfError(error, 'ip6tables', ['br0']);
    expect(outcome).toBe('no-chain');
    expect(warning).toContain('ip6tables is not installed');
  });

  it('other errors are not about the firewall', () => {
    expect(() => outcomeOfError(new TypeError('boom'), 'iptables', [])).toThrow('boom');
  });

  it.each([
    [['added', 'failed'], 'failed'],
    [['failed', 'no-chain'], 'failed'],
    [['present', 'added', 'no-chain'], 'added'],
    [['absent', 'removed'], 'removed'],
    [['no-chain', 'present'], 'present'],
    [['no-chain'], 'no-chain'],
    [[], 'no-chain'],
  ] as const)('of several places: %j is %s', (outcomes, told) => {
    expect(outcomeOf(outcomes)).toBe(told);
  });
});
