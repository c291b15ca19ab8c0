/** What people with a screen reader, or with weak eyes, need of the page. */
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { visits } from './rig.ts';

const { visit } = visits();

/** WCAG 2.2, 1.4.3: of text that is not large. */
const LEAST_CONTRAST = 4.5;

it.each(['light', 'dark'] as const)(
  'each text stands out from its ground, %s',
  async (colorScheme) => {
    const { page, end } = await visit(undefined, { colorScheme });
    await page.locator('button.name').nth(2).click();
    await page.locator('.lease-details').waitFor();
    const weak = (await contrasts(page)).filter(({ contrast }) => contrast < LEAST_CONTRAST);
    expect(weak).toEqual([]);
    await end();
  },
);

it('each control has a name, each table its roles, and headings have an order', async () => {
  const { page, end } = await visit();
  await page.locator('button.name').nth(2).click();
  const unnamed = await page.evaluate(() =>
    [...document.querySelectorAll('button, input, select, [role=img]')]
      .filter((one) => {
        const label = one.closest('label')?.textContent ?? '';
        const own =
          one.getAttribute('aria-label') ?? (one.matches('button') ? one.textContent : label);
        return (own ?? '').trim() === '';
      })
      .map((one) => one.outerHTML),
  );
  expect(unnamed).toEqual([]);
  for (const role of ['banner', 'main', 'table', 'searchbox'] as const) {
    expect([role, await page.getByRole(role).count()]).toEqual([role, 1]);
  }
  expect(await page.getByRole('columnheader').count()).toBe(7);
  const levels = await page.evaluate(() =>
    [...document.querySelectorAll('h1, h2, h3')].map(({ tagName }) => Number(tagName.slice(1))),
  );
  expect(levels[0]).toBe(1);
  expect(levels.every((level, at) => level <= (levels[at - 1] ?? 1) + 1)).toBe(true);
  expect(await page.locator('html').getAttribute('lang')).toBe('en');
  const ids = await page.evaluate(() => [...document.querySelectorAll('[id]')].map(({ id }) => id));
  expect(new Set(ids).size).toBe(ids.length);
  await end();
});

it('on a phone the rows are still a table to a screen reader, and controls are large', async () => {
  const { page, end } = await visit(undefined, { viewport: { width: 360, height: 740 } });
  expect(await page.getByRole('table').getByRole('row').count()).toBe(60);
  expect(await page.getByRole('rowheader').count()).toBe(60);
  const small = await page.evaluate(() =>
    [...document.querySelectorAll('button, select, input')]
      .filter((one) => one.getBoundingClientRect().height > 0)
      .filter((one) => one.getBoundingClientRect().height < 24)
      .map((one) => one.outerHTML),
  );
  expect(small).toEqual([]);
  await end();
});

/** For each element with a text of its own: its contrast by WCAG's formula. */
function contrasts(page: Page): Promise<{ text: string; contrast: number }[]> {
  return page.evaluate(() => {
    const context = document
      .createElement('canvas')
      .getContext('2d', { willReadFrequently: true })!;
    const rgb = (color: string): [number, number, number, number] => {
      context.clearRect(0, 0, 1, 1);
      context.fillStyle = color;
      context.fillRect(0, 0, 1, 1);
      const [red = 0, green = 0, blue = 0, alpha = 0] = context.getImageData(0, 0, 1, 1).data;
      return [red, green, blue, alpha];
    };
    const luminance = (color: string): number => {
      const [red, green, blue] = rgb(color).map((value) => {
        const part = value / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
    };
    const groundOf = (element: Element | null): string => {
      if (element === null) return 'white';
      const { backgroundColor } = getComputedStyle(element);
      return rgb(backgroundColor)[3] === 0 ? groundOf(element.parentElement) : backgroundColor;
    };
    return [...document.querySelectorAll('body *')]
      .filter((one) => one.closest('.unseen, option') === null)
      .filter((one) => one.getClientRects().length > 0)
      .filter((one) =>
        [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent?.trim() !== ''),
      )
      .map((one) => {
        const [ink, ground] = [luminance(getComputedStyle(one).color), luminance(groundOf(one))];
        const contrast = (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
        return { text: `${one.className} ${one.textContent}`, contrast };
      });
  });
}
