// Loaded into a plugin's process: it is killed when something was done DIE_TIMES times. DIE_AFTER is
// a text in a batch of `ip` that has ended, or in a line of the log.
import childProcess from 'node:child_process';
import fs from 'node:fs';

const text = process.env.DIE_AFTER;
let left = Number(process.env.DIE_TIMES);

function done(what) {
  left -= String(what).split(text).length - 1;
  if (left <= 0) process.kill(process.pid, 'SIGKILL');
}

const { execFile } = childProcess;
childProcess.execFile = (file, args, settings, ended) => {
  let input;
  const child = execFile(file, args, settings, (...results) => {
    done(input);
    ended(...results);
  });
  const { stdin } = child;
  const end = stdin.end.bind(stdin);
  stdin.end = (words) => {
    input = words;
    return end(words);
  };
  return child;
};

const { write } = fs;
fs.write = (fd, what, ...rest) => {
  const ended = rest.pop();
  write(fd, what, ...rest, (...results) => {
    if (fd === 1) done(what);
    ended(...results);
  });
};
