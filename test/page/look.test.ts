/** How the page looks: screenshots for people, and what can be measured of it. */
import { expect, it } from 'vitest';
import { SHOTS, visits } from './rig.ts';

const { visit } = visits();

it.each(['light', 'dark'] as const)('with 3 networks and 60 leases, %s', async (colorScheme) => {
  const { page, complaints, end } = await visit(undefined, { colorScheme });
  await page.locator('canvas').nth(1).waitFor();
  await page.screenshot({ path: `${SHOTS}/${colorScheme}.png`, fullPage: true });
  await page.getByRole('button', { name: 'asterisk-1', exact: true }).click();
  await page.screenshot({ path: `${SHOTS}/${colorScheme}-open.png` });
  expect(complaints).toEqual([]);
  await end();
});

it('on a phone', async () => {
  const { page, complaints, end } = await visit(undefined, {
    ...{ viewport: { width: 360, height: 740 }, deviceScaleFactor: 2 },
  });
  await page.screenshot({ path: `${SHOTS}/phone.png` });
  await page.getByRole('button', { name: 'asterisk-1', exact: true }).click();
  await page.screenshot({ path: `${SHOTS}/phone-open.png` });
  const wide = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  expect(wide[0]).toBe(wide[1]);
  expect(complaints).toEqual([]);
  await end();
});
