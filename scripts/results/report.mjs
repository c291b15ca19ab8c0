// Merges what scripts/test has collected: for every name a folder with `status`, `log` and, where vitest ran,
// `report.json`. Prints failures readably, writes summary.json, ends with "N passed, N failed, N skipped".
// A run without a status, without the report it owes, or without a single test counts as a failure.
// Usage: node report.mjs RESULTS_FOLDER NAME...
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const [results, ...names] = process.argv.slice(2);
const WITHOUT_REPORT = new Set(['types', 'lint', 'format', 'demo']);
const LOG_LINES = 40;

const read = (name, file) => {
  const path = join(results, name, file);
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
};
const indent = (text) => text.trimEnd().replaceAll(/^/gm, '    ');
const logTail = (name) => read(name, 'log').trimEnd().split('\n').slice(-LOG_LINES).join('\n');

/** One failure to show: where it happened and what was said. */
const failure = (title, text) => ({ title, text });

function fromVitest(name, status) {
  let report;
  try {
    report = JSON.parse(read(name, 'report.json'));
  } catch {
    const why = `no report (exit status ${status || 'unknown'}); the end of its log:`;
    return { passed: 0, skipped: [], failures: [failure(name, `${why}\n${logTail(name)}`)] };
  }
  const run = { passed: 0, skipped: [], failures: [] };
  for (const file of report.testResults) {
    const where = `${name}: ${relative(process.cwd(), file.name)}`;
    const failuresBefore = run.failures.length;
    for (const test of file.assertionResults) {
      const title = `${where}: ${test.fullName}`;
      if (test.status === 'passed') run.passed += 1;
      else if (test.status === 'failed')
        run.failures.push(failure(title, test.failureMessages.join('\n')));
      else run.skipped.push(title);
    }
    const said = run.failures.length > failuresBefore;
    if (file.status === 'failed' && !said) run.failures.push(failure(where, file.message));
  }
  if (run.failures.length === 0 && status !== '0') {
    run.failures.push(
      failure(name, `exit status ${status || 'unknown'}; the end of its log:\n${logTail(name)}`),
    );
  }
  if (run.failures.length === 0 && run.passed + run.skipped.length === 0) {
    run.failures.push(failure(name, 'ran no test at all'));
  }
  return run;
}

function fromStatus(name, status) {
  if (status === '0') return { passed: 1, skipped: [], failures: [] };
  const text =
    status === '' ? 'did not run' : `exit status ${status}; the end of its log:\n${logTail(name)}`;
  return { passed: 0, skipped: [], failures: [failure(name, text)] };
}

const runs = names.map((name) => {
  const status = read(name, 'status').trim();
  const run = WITHOUT_REPORT.has(name) ? fromStatus(name, status) : fromVitest(name, status);
  return { name, ...run };
});

console.log();
for (const { title, text } of runs.flatMap((run) => run.failures)) {
  console.log(`FAILED  ${title}\n${indent(text)}\n`);
}
for (const title of runs.flatMap((run) => run.skipped)) {
  console.log(`SKIPPED ${title}\n    counts as a failure: give it what it needs, or remove it\n`);
}
for (const run of runs) {
  console.log(
    `${run.name.padEnd(8)} ${run.passed} passed, ${run.failures.length} failed, ${run.skipped.length} skipped`,
  );
}
writeFileSync(join(results, 'summary.json'), `${JSON.stringify(runs, null, 2)}\n`);

const sum = (count) => runs.reduce((total, run) => total + count(run), 0);
const passed = sum((run) => run.passed);
const failed = sum((run) => run.failures.length);
const skipped = sum((run) => run.skipped.length);
if (skipped > 0)
  console.log('\nA skipped test is a failure here: install what it needs, or remove it.');
console.log(`logs     ${relative(process.cwd(), results)}`);
console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed === 0 && skipped === 0 && passed > 0 ? 0 : 1;
