/** What `docker vlandhcp doctor` says of one thing, in one sentence. */

export interface Finding {
  /** What was looked at: `dhcp`, `clock`. */
  readonly check: string;
  /** The object: `VLAN 500 of eth1`. */
  readonly subject: string;
  readonly level: 'ok' | 'warn' | 'fail';
  readonly text: string;
  /** The command that repairs it, or what to look at. Only if something is wrong. */
  readonly mend?: string | undefined;
}

export const ok = (check: string, subject: string, text: string): Finding => ({
  ...{ check, subject, text },
  level: 'ok',
});

export const warn = (check: string, subject: string, text: string, mend: string): Finding => ({
  ...{ check, subject, text, mend },
  level: 'warn',
});

export const fail = (check: string, subject: string, text: string, mend: string): Finding => ({
  ...{ check, subject, text, mend },
  level: 'fail',
});
