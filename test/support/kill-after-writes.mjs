// Loaded into a plugin's process: after SIGUSR2 it is killed when KILL_AFTER writes have been done. Each request to the
// kernel is one write, and so are its log lines. See kernel/killed-rejoining.test.ts.
import fs from 'node:fs';

const { write } = fs;
let left = Infinity;
process.on('SIGUSR2', () => (left = Number(process.env.KILL_AFTER)));
fs.write = (fd, ...rest) => {
  const done = rest.pop();
  write(fd, ...rest, (...results) => {
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
    else done(...results);
  });
};
