import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { startKafka } from '@throughline/servers';
import type { RunningKafka } from '@throughline/servers';
import type { ChainReport } from '@throughline/verify';
import { run as throughline } from 'throughline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

type Boundary = readonly [from: string, to: string, transport: string | undefined, over: readonly unknown[]];

const question: Boundary = ['gateway', 'planner', 'http', ['/plans']];
const tasks: Boundary = ['planner', 'analyst', 'kafka', [expect.stringMatching(/^research\.tasks/)]];
const results: Boundary = ['analyst', 'planner', 'kafka', [expect.stringMatching(/^research\.results/)]];
const library: Boundary = ['analyst', 'library', 'mcp', ['initialize', 'index', 'search']];
const reader: Boundary = ['analyst', 'reader', 'mcp', ['initialize', 'read_passage']];
/** As the contract names it, which leaves open over which topic or tool, and of tasks and results over which road. */
const anyway = ([from, to, transport]: Boundary): Boundary => [
  from,
  to,
  transport === 'kafka' ? undefined : transport,
  [],
];

/** Where one end has no span there is nothing that could have been lost: that the hop is not there is what the contract says. */
const places: readonly (readonly [broken: string, code: string, boundary: Boundary])[] = [
  ['http', 'lost-context', question],
  ['http-sender', 'contract', question],
  ['http-receiver', 'contract', question],
  ['kafka', 'lost-context', tasks],
  ['kafka-sender', 'contract', anyway(tasks)],
  ['kafka-receiver', 'contract', anyway(tasks)],
  ['kafka-results', 'lost-context', results],
  ['kafka-results-sender', 'contract', anyway(results)],
  ['kafka-results-receiver', 'contract', anyway(results)],
  ['mcp-http', 'lost-context', library],
  ['mcp-http-sender', 'contract', anyway(library)],
  ['mcp-http-receiver', 'contract', anyway(library)],
  ['mcp-stdio', 'lost-context', reader],
  ['mcp-stdio-sender', 'contract', anyway(reader)],
  ['mcp-stdio-receiver', 'contract', anyway(reader)],
  ['unsampled-library', 'contract', anyway(library)],
  ['unsampled-reader', 'contract', anyway(reader)],
  ['killed-library', 'contract', anyway(library)],
];

const AT_ONCE = 2;

describe('the desk, broken at one place', { timeout: 240_000 }, () => {
  const reports = new Map<string, Promise<ChainReport>>();
  let kafka: RunningKafka;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'desk-breaking-'));
    kafka = await startKafka();
    const lanes: Promise<unknown>[] = Array.from({ length: AT_ONCE }, () => Promise.resolve());
    for (const [nth, [broken]] of places.entries()) {
      const lane = nth % AT_ONCE;
      const report = (lanes[lane] as Promise<unknown>).then(() => runBroken(broken));
      reports.set(broken, report);
      // The test of that place tells.
      lanes[lane] = report.catch(() => {});
    }
  });
  afterAll(async () => {
    await Promise.allSettled(reports.values());
    await kafka?.stop();
    rmSync(folder, { recursive: true });
  });

  /** Runs the demo, and has the command judge the spans that it kept. */
  async function runBroken(broken: string): Promise<ChainReport> {
    const output = join(folder, `${broken}.json`);
    const demo = spawn(
      process.execPath,
      [file('../src/demo.ts'), '--break', broken, '--analysts', '1', '--output', output],
      {
        // Nine processes a run load the same modules: compiled once, they are there in half the time.
        env: { ...process.env, KAFKA_BROKERS: kafka.brokers.join(), NODE_COMPILE_CACHE: join(folder, 'compiled') },
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    let progress = '';
    demo.stderr.on('data', (chunk: Buffer) => (progress += chunk.toString()));
    const code = await new Promise((resolve) => demo.on('close', resolve));
    expect(progress, 'there is an answer all the same').toContain('has the answer');
    expect(code).toBe(1);
    let written = '';
    const stdout = { write: (text: string) => (written += text) };
    const judged = await throughline(
      ['check', output, '--format', 'json', '--expect', 'one-trace', '--contract', file('../contract.yaml')],
      { stdin: Readable.from([]), stdout, stderr: process.stderr, env: {} },
    );
    expect(judged).toBe(1);
    return JSON.parse(written) as ChainReport;
  }

  test.each(places)('%s: %s, at that boundary and at no other', async (broken, code, [from, to, transport, over]) => {
    const { findings } = await (reports.get(broken) as Promise<ChainReport>);
    const at = findings.flatMap(({ boundary }) => boundary ?? []);
    const others = at.filter(
      (boundary) => boundary.from !== from || boundary.to !== to || boundary.transport !== transport,
    );
    expect(others).toEqual([]);
    const named = findings.filter((finding) => finding.code === code);
    expect(named.map(({ boundary }) => boundary?.over).filter((name) => name !== undefined)).toEqual(over);
    expect(named.length).toBeGreaterThan(0);
    // Where the context is lost, so is the hop of the contract, and so is the one trace; what nobody took was not heard.
    const codes = new Set(findings.map((finding) => finding.code));
    expect([...codes].filter((other) => ![code, 'contract', 'several-traces', 'unheard'].includes(other))).toEqual([]);
  });
});
