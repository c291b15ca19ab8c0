/**
 * The files of the status page, by their path on the port. scripts/bundle.mjs makes them of `web/`
 * and puts them into the plugin's bundle. A plugin that runs from its sources has only a page that
 * says so.
 */

export interface PageFile {
  readonly type: string;
  readonly body: string;
}

/** Replaced by the content while the plugin is bundled. */
declare const VLANDHCP_PAGE: Readonly<Record<string, PageFile>>;

const FROM_SOURCES: Readonly<Record<string, PageFile>> = {
  '/': {
    type: 'text/html; charset=utf-8',
    body: '<!doctype html><title>vlandhcp</title><p>The status page is made by: npm run build</p>\n',
  },
};

export const PAGE_FILES: ReadonlyMap<string, PageFile> = new Map(
  Object.entries(typeof VLANDHCP_PAGE === 'undefined' ? FROM_SOURCES : VLANDHCP_PAGE),
);
