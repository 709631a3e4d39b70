/** The stand-in as a program. It prints its URL on standard output, and runs until it is told to stop. */
import { parseArgs } from 'node:util';
import { slow, SLOW_KINDS, times, usual } from './index.ts';
import type { Behaviour, Failure, SlowKind } from './index.ts';
import { startModel } from './start.ts';

const USAGE = `node packages/model-stand-in/src/main.ts [options]

  --port N          where it listens; a free port by default
  --text TEXT       what it answers
  --model NAME      the model that it says it is; the one that was asked for by default
  --slow KIND       ${SLOW_KINDS.join(', ')}
  --ms N            how long a slow call takes; 2000 by default
  --fail HOW        a status such as 429, or reset, cut, malformed, error-event
  --retry-after N   seconds, with a status
  --times N         how many times a call fails before it is answered; 1 by default
  --every N         only every Nth call is slow or fails; every one by default
  --prompt-cache    counts what a prompt shares with earlier ones as cached
  --help
`;

const values = parsed();

if (values.help) {
  process.stdout.write(USAGE);
} else {
  const model = await startModel({
    port: number('port', 0),
    promptCache: values['prompt-cache'],
    answer: callsOneByOne(),
  });
  process.stdout.write(`${model.url}\n`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void model.close());
}

function parsed() {
  try {
    return parseArgs({
      options: {
        port: { type: 'string', default: '0' },
        text: { type: 'string' },
        model: { type: 'string' },
        slow: { type: 'string' },
        ms: { type: 'string', default: '2000' },
        fail: { type: 'string' },
        'retry-after': { type: 'string' },
        times: { type: 'string', default: '1' },
        every: { type: 'string', default: '1' },
        'prompt-cache': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    return wrong((error as Error).message);
  }
}

/** Returns a rule that gives each call its behaviours, one after the other. */
function callsOneByOne(): () => Behaviour {
  const answer: Behaviour = {
    ...(values.text !== undefined && { text: values.text }),
    ...(values.model !== undefined && { model: values.model }),
  };
  const every = number('every', 1);
  const failures = values.fail === undefined ? [] : times(number('times', 1), { fail: failure(values.fail) });
  const kind = slowKind(values.slow);
  const well = kind === undefined ? [answer] : slow(kind, { ms: number('ms', 0), answer });
  // Without a prompt that is really cached, a slow call needs a quick one to be compared with.
  const quick = kind === undefined ? answer : usual(answer);
  const waiting: Behaviour[] = [];
  let calls = 0;
  return () => {
    if (waiting.length === 0) waiting.push(...(++calls % every === 0 ? [...failures, ...well] : [quick]));
    return waiting.shift() ?? answer;
  };
}

function slowKind(text: string | undefined): SlowKind | undefined {
  if (text === undefined) return undefined;
  return SLOW_KINDS.find((kind) => kind === text) ?? wrong(`--slow ${text}: give one of ${SLOW_KINDS.join(', ')}`);
}

function failure(how: string): Failure {
  if (how === 'reset' || how === 'cut' || how === 'malformed' || how === 'error-event') return { by: how };
  const status = Number(how);
  if (!(status >= 400 && status < 600)) wrong(`--fail ${how}: give a status, reset, cut, malformed or error-event`);
  const retryAfter = values['retry-after'] === undefined ? {} : { retryAfter: number('retry-after', 0) };
  return { by: 'status', status, ...retryAfter };
}

function number(name: 'port' | 'ms' | 'times' | 'every' | 'retry-after', least: number): number {
  const value = Number(values[name]);
  return Number.isInteger(value) && value >= least
    ? value
    : wrong(`--${name} ${values[name]}: give a number from ${least}`);
}

function wrong(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}
