/** What a check of the command line says. The plugin's own findings have the same form. */
import type { Finding } from '../admin-client.ts';

export type { Finding };

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
