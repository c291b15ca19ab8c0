/** The files of the status page, by their path. */
export const PAGE_FILES: ReadonlyMap<string, { type: string; body: Buffer | string }> = new Map([
  [
    '/',
    {
      type: 'text/html; charset=utf-8',
      body: '<!doctype html><title>vlandhcp</title><p>See <a href="/v1/leases">/v1/leases</a>.\n',
    },
  ],
]);
