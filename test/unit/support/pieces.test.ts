/** The fixtures of engine tests rely on this: everything that was started is taken down. */
import { expect, it } from 'vitest';
import { Pieces } from '../../support/lab/pieces.ts';

function site(failing: readonly string[]) {
  const done: string[] = [];
  const step = (what: string) => () => {
    done.push(what);
    return failing.includes(what) ? Promise.reject(new Error(what)) : Promise.resolve();
  };
  const pieces = new Pieces();
  const put = (name: string) => pieces.put(step(`${name} up`), step(`${name} down`));
  return { done, pieces, put };
}

it('takes down what is up, the last first, and once', async () => {
  const { done, pieces, put } = site([]);
  await put('trunk');
  await put('engine');
  await pieces.takeDown();
  await pieces.takeDown();
  expect(done).toEqual(['trunk up', 'engine up', 'engine down', 'trunk down']);
});

it('takes down what failed to come up, too, and says why it failed', async () => {
  const { done, pieces, put } = site(['engine up']);
  await put('trunk');
  await expect(put('engine')).rejects.toThrow('engine up');
  await pieces.takeDown();
  expect(done.slice(2)).toEqual(['engine down', 'trunk down']);
});

it('goes on where something fails to go down, and tells all that failed', async () => {
  const { done, pieces, put } = site(['engine down', 'trunk down']);
  await put('trunk');
  await put('engine');
  await expect(pieces.takeDown()).rejects.toThrow('engine down; trunk down');
  expect(done.slice(2)).toEqual(['engine down', 'trunk down']);
});
