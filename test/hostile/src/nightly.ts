import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { startTelemetry } from '@throughline/test-telemetry';
import { campaign } from './campaign.ts';

// node test/hostile/src/nightly.ts [--count 10000000] [--seed 1] [--from 0]
// Exit code 0: nothing was found and the heap stayed flat.
const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '10000000' },
    seed: { type: 'string', default: '1' },
    from: { type: 'string', default: '0' },
  },
});
const [count, seed, from] = [Number(values.count), Number(values.seed), Number(values.from)];
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const STEP = 20_000;

const telemetry = startTelemetry();
const started = performance.now();
let first: number | undefined;
let told = 0;
for (let at = from; at < from + count; at += STEP) {
  const end = Math.min(at + STEP, from + count);
  const finds = campaign(seed, at, end);
  // The in-memory exporter lets go of a span in a timer.
  await setTimeout(10);
  await telemetry.reset();
  collect();
  const heap = Math.round(process.memoryUsage().heapUsed / 1e6);
  first ??= heap;
  const seconds = Math.round((performance.now() - started) / 1000);
  if (seconds >= told + 10 || end === from + count || finds.length > 0) {
    told = seconds;
    console.log(`seed ${seed}: carriers ${from} to ${end}, heap ${heap} MB (at first ${first} MB), ${seconds} s`);
  }
  if (finds.length > 0) {
    for (const find of finds) console.error(find);
    console.error(`${finds.length} finds; from there again: --seed ${seed} --from ${at}`);
    process.exit(1);
  }
  if (heap > first + 20) {
    console.error(`the heap grew from ${first} MB to ${heap} MB`);
    process.exit(1);
  }
}
process.exit(0);
