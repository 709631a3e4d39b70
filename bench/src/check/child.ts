/** `node child.ts parse|check FILE`: reads a capture, and tells CPU time and memory as JSON. */
import { createReadStream } from 'node:fs';
import { ChainChecker } from '@throughline/verify';

/** What a child tells. */
export interface Told {
  /** Milliseconds of CPU, user and system, since it began to read. */
  readonly cpu: number;
  /** Bytes: the most that the process ever held. */
  readonly memory: number;
  readonly spans: number;
}

const CHUNK = 1024 * 1024;
const NEWLINE = 0x0a;

const [mode, file = ''] = process.argv.slice(2);
const { user, system } = process.cpuUsage();
const spans = mode === 'parse' ? await parse(file) : await check(file);
const used = process.cpuUsage({ user, system });
const told: Told = { cpu: (used.user + used.system) / 1000, memory: process.resourceUsage().maxRSS * 1024, spans };
console.log(JSON.stringify(told));

async function check(path: string): Promise<number> {
  const checker = new ChainChecker();
  await checker.read(createReadStream(path, { highWaterMark: CHUNK }));
  const { verdict, spans: judged } = checker.report();
  if (verdict !== 'sound') throw new Error(`the capture is ${verdict}`);
  return judged;
}

/** The same lines, parsed and dropped. */
async function parse(path: string): Promise<number> {
  let count = 0;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK }) as AsyncIterable<Buffer>) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let from = 0;
    for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, from)) {
      count += spansIn(JSON.parse(bytes.toString('utf8', from, at)) as Line);
      from = at + 1;
    }
    rest = bytes.subarray(from);
  }
  return count;
}

interface Line {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly unknown[] }[] }[];
}

function spansIn({ resourceSpans: [resource] }: Line): number {
  return resource?.scopeSpans[0]?.spans.length ?? 0;
}
