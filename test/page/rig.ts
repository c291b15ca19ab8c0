/** A browser that looks at the status page of a made-up host. */
import { mkdirSync } from 'node:fs';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { afterAll, beforeAll } from 'vitest';
import { PAGE_FILES, type PageFile } from '../../plugin/web/page-files.ts';
import { bundlePage } from '../../scripts/page-bundle.mjs';
import { putIn, servePage, type PageServer } from '../support/pages/page-server.ts';
import { pageSite, type PageSite } from '../support/pages/page-site.ts';

/** Debian's. scripts/lab/setup installs it. */
const CHROMIUM = '/usr/bin/chromium';
export const SHOTS = 'build/status-page';

export interface Visit {
  readonly page: Page;
  readonly site: PageSite;
  /** What the browser complained about: errors of the page, and of its content security policy. */
  readonly complaints: string[];
  server: PageServer;
  readonly end: () => Promise<void>;
}

export interface Visited {
  readonly files: () => ReadonlyMap<string, PageFile>;
  readonly visit: (site?: PageSite, options?: BrowserContextOptions) => Promise<Visit>;
}

/** One browser for a test file. */
export function visits(): Visited {
  let browser: Browser | undefined;
  const open = new Set<Visit>();
  beforeAll(async () => {
    mkdirSync(SHOTS, { recursive: true });
    putIn(await bundlePage());
    // Root may not use Chromium's own sandbox, and nothing of another origin is loaded.
    const args = ['--no-sandbox', '--disable-background-networking', '--disable-gpu'];
    browser = await chromium.launch({ executablePath: CHROMIUM, args });
  });
  afterAll(async () => {
    await Promise.all([...open].map((visit) => visit.end()));
    await browser?.close();
  });
  return {
    files: () => PAGE_FILES,
    visit: async (site = pageSite(60), options = {}) => {
      if (browser === undefined) throw new Error('the browser is not started yet');
      const server = await servePage(site);
      const context = await browser.newContext({
        viewport: { width: 1280, height: 800 },
        ...options,
      });
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on('pageerror', (error) => complaints.push(String(error)));
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning')
          complaints.push(message.text());
      });
      page.on('request', (request) => {
        if (!request.url().startsWith(server.url)) complaints.push(`asked ${request.url()}`);
      });
      const visit: Visit = {
        ...{ page, site, complaints, server },
        end: async () => {
          open.delete(visit);
          await context.close();
          await visit.server.close();
        },
      };
      open.add(visit);
      await page.goto(server.url);
      await page.getByText('live', { exact: true }).waitFor();
      await page.locator('tr.lease').first().waitFor();
      return visit;
    },
  };
}

/** The names of the rows, from the top. */
export async function namesOf(page: Page): Promise<string[]> {
  return page.locator('button.name bdi').allTextContents();
}
