import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median } from '../measure.ts';
import type { Effort } from '../measure.ts';
import type { Report } from '../results.ts';
import type { Told } from './child.ts';

const run = promisify(execFile);
const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));

/** What a chunk of a stream costs over a bare loop, and a turn of an agent against the same spans by hand. */
export async function agent({ processes, rounds, scale }: Effort): Promise<Report> {
  const told: Told[] = [];
  for (let at = 0; at < processes; at++) {
    const { stdout } = await run(process.execPath, ['--no-warnings', CHILD, String(rounds), String(scale)]);
    told.push(JSON.parse(stdout) as Told);
  }
  const of = (read: (one: Told) => number): number => median(told.map(read));
  const limit = (micros: number): { readonly opponent: string; readonly theirs: number; readonly target: 1 } => ({
    opponent: `the limit of ${micros} µs a chunk`,
    theirs: micros,
    target: 1,
  });
  return {
    title: 'agent',
    method:
      'A stream of 100,000 chunks in the format of Chat Completions, read by `for await`: what `callModel` adds to a chunk of a bare loop. A turn with one tool and one model call by `runAgent`, `runTool` and `callModel`, against the same three spans with the same attributes by hand. In one process, in turns, medians.',
    results: [
      {
        what: 'a chunk, unsampled, over a bare loop',
        ours: of(({ chunk }) => chunk.unsampled - chunk.bare),
        ...limit(1),
      },
      { what: 'a chunk, sampled, over a bare loop', ours: of(({ chunk }) => chunk.sampled - chunk.bare), ...limit(5) },
      {
        what: 'a turn with a tool and a model call',
        opponent: 'the same spans by hand',
        ours: of(({ turn }) => turn.ours),
        theirs: of(({ turn }) => turn.byHand),
        target: 1.3,
      },
    ],
    notes: [`A chunk of the bare loop takes ${of(({ chunk }) => chunk.bare).toFixed(2)} µs.`],
  };
}
