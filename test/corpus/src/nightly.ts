import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { formatOtlpJson } from '@throughline/verify';
import { campaign } from './mutations/campaign.ts';
import type { Failure } from './mutations/campaign.ts';

// node test/corpus/src/nightly.ts [--count 100000] [--seed 1] [--from 0] [--keep failing.json]
// Changes sound captures at random, and looks that what is right to say of them is said. Exit code 0: it always was.
const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Math.floor(Date.now() / 1000)) },
    from: { type: 'string', default: '0' },
    keep: { type: 'string' },
  },
});
const [count, seed, from] = [values.count, values.seed, values.from].map(Number) as [number, number, number];
if (![count, seed, from].every((value) => Number.isSafeInteger(value) && value >= 0)) {
  console.error('--count, --seed and --from take whole numbers');
  process.exit(2);
}
const STEP = 1000;
const SHOWN = 40;
const ENOUGH = 20;

const started = performance.now();
const failures: Failure[] = [];
let told = 0;
console.log(`seed ${seed}: mutations ${from} to ${from + count}`);
for (let at = from; at < from + count && failures.length < ENOUGH; at += STEP) {
  const end = Math.min(at + STEP, from + count);
  failures.push(...campaign(seed, at, end));
  const seconds = Math.round((performance.now() - started) / 1000);
  if (seconds >= told + 10 || end === from + count) {
    told = seconds;
    console.log(`${end - from} of ${count}, ${failures.length} judged wrong, ${seconds} s`);
  }
}
const [smallest] = failures.toSorted((a, b) => a.after.length - b.after.length);
if (smallest !== undefined) {
  show(smallest);
  if (values.keep !== undefined) writeFileSync(values.keep, formatOtlpJson(smallest.after));
  process.exitCode = 1;
}

/** The smallest case, for people. */
function show({ index, captures, mutation, missed, alarms, services, after }: Failure): void {
  console.log(`\nThe smallest, of ${captures.join(' and ')}, alone with --seed ${seed} --from ${index} --count 1`);
  console.log(`  ${mutation}${services === undefined ? '' : `, services ${services.join()}`}`);
  for (const need of missed) console.log(`  missed: ${JSON.stringify(need)}`);
  for (const alarm of alarms) console.log(`  said: ${alarm}`);
  for (const { traceId, spanId, parentSpanId = 'none', service, kind, name } of after.slice(0, SHOWN)) {
    console.log(`    ${traceId.slice(0, 8)} ${spanId} under ${parentSpanId}: ${service} ${kind} ${name}`);
  }
}
