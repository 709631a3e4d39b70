import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { formatOtlpJson } from '@throughline/verify';
import type { CollectedSpan } from '@throughline/verify';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../src/index.ts';

/** What acts on a terminal, in a log of a build server, in XML, in JSON or in a browser. */
const marks: readonly string[] = [
  '\u001b[2J\u001b]0;title\u0007',
  '\u009b31m',
  '\r\n::error file=a.ts::injected',
  '\n::stop-commands::token',
  '%0A::error::injected',
  '%0D%0A::add-mask::x',
  '##[error]injected',
  '##[add-mask]x',
  '##vso[task.setvariable variable=a]b',
  "##teamcity[buildStatus status='SUCCESS']",
  ']]>',
  '"/><testcase name="injected"/>',
  '<script>alert(1)</script>&amp;',
  '<!ENTITY x SYSTEM "file:///etc/passwd">',
  '\u2028\u2029\u0085',
  '\u202eevil',
  '\u{e0041}\u200b\ufeff',
  '\ud800',
  '\ufffe\uffff',
  '\u0000\b\f\v',
  '__proto__',
  '${process.exit(9)}`$(touch /tmp/x)`',
  'x'.repeat(100_000),
];

const ids = ['1', '2', '3', '4'].map((digit) => digit.repeat(16)) as [string, string, string, string];

/** A chain that is broken at two places, with a mark in all that is text. */
function broken(mark: string): CollectedSpan[] {
  const attributes = {
    'http.request.method': 'POST',
    'url.path': `/plan${mark}`,
    'server.port': 7102,
    'code.file.path': `src/${mark}.ts`,
    [mark]: mark,
  };
  const span = (spanId: string, service: string, more: Partial<CollectedSpan>): CollectedSpan => ({
    traceId: '5'.repeat(32),
    spanId,
    name: `POST ${mark}`,
    kind: 'INTERNAL',
    service: service + mark,
    startTimeUnixNano: 1_000_000_000n,
    endTimeUnixNano: 2_000_000_000n,
    attributes: {},
    links: [],
    events: [{ name: mark, timeUnixNano: 1n, attributes: {} }],
    status: { code: 'ERROR', message: mark },
    scope: { name: mark, version: mark },
    resource: { 'service.name': service + mark },
    ...more,
  });
  return [
    span(ids[0], 'gateway', { kind: 'CLIENT', attributes }),
    span(ids[1], 'planner', {
      traceId: '6'.repeat(32),
      kind: 'SERVER',
      attributes,
      startTimeUnixNano: 1_100_000_000n,
      endTimeUnixNano: 1_900_000_000n,
    }),
    span(ids[2], 'planner', { traceId: '6'.repeat(32), parentSpanId: ids[3], parentIsRemote: false }),
  ];
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'throughline-hostile-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function check(
  content: string | Buffer,
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<Ran> {
  let [stdout, stderr] = ['', ''];
  const code = await run(['check', '-', ...args], {
    stdin: Readable.from([Buffer.from(content)]),
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    env,
  });
  return { code, stdout, stderr };
}

/** What a terminal shows as it is, on lines. */
const printed = /^[^\P{C}\n]|[\p{Zl}\p{Zp}]/u;

describe.each(marks)('with %j in every name', (mark) => {
  const capture = formatOtlpJson(broken(mark));

  it('the text has the lines of its findings, and nothing that acts on a terminal', async () => {
    const { code, stdout } = await check(capture);
    expect(code).toBe(1);
    expect(stdout).not.toMatch(printed);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.filter((line) => line.startsWith('✗'))).toHaveLength(2);
    // Two lines each, the verdict, and what took the longest.
    expect(lines).toHaveLength(6);
    expect(lines.at(-1)).toMatch(/^ {2}longest: /);
    for (const line of lines) expect(line.length).toBeLessThan(2000);
  });

  it('GitHub gets an annotation for each finding, and no other command', async () => {
    const { stdout } = await check(capture, [], { GITHUB_ACTIONS: 'true' });
    const commands = stdout.split('\n').filter((line) => line.trimStart().startsWith('::'));
    expect(commands.map((line) => line.slice(0, line.indexOf('::', 2)))).toEqual([
      '::error title=lost-context',
      '::error title=orphan',
    ]);
    // What the runner makes of it is one line again.
    for (const command of commands) expect(command).not.toMatch(/%0[AaDd]/);
    expect(stdout).not.toMatch(/##\w*\[/);
  });

  it('JUnit is well-formed, and has a case for each finding', async () => {
    const { stdout } = await check(capture, ['--format', 'junit']);
    expect(stdout).not.toMatch(printed);
    expect(stdout.match(/<testcase /g)).toHaveLength(2);
    expect(stdout).toContain('tests="2" failures="2"');
    expect(stdout).not.toMatch(/##\w*\[/);
    const text = stdout.replaceAll(
      /<\/?[a-z]+(?: [a-z]+="[^"<&]*(?:&(?:amp|lt|gt|quot|#35);[^"<&]*)*")*\/?>|<\?xml[^?]*\?>/g,
      '',
    );
    expect(text.trim()).toBe('');
  });

  it.each(['json', 'sarif'])('%s is the same data, and nothing acts on a terminal', async (format) => {
    const { stdout } = await check(capture, ['--format', format]);
    expect(stdout).not.toMatch(printed);
    expect(stdout).not.toMatch(/##\w*\[/);
    const report = JSON.parse(stdout) as { findings?: { boundary: { to: string } }[] };
    if (format === 'json') {
      expect(report.findings?.map(({ boundary }) => boundary.to)).toEqual([`planner${mark}`, `planner${mark}`]);
    }
  });
});

describe('a file that is none', () => {
  const capture = formatOtlpJson(broken(''));

  it.each([
    ['binary', Buffer.from([0x1f, 0x8b, 0, 0xff, 0xfe, 0x0a, 0x80])],
    ['deep', `{"resourceSpans":${'['.repeat(500_000)}`],
    ['deep and closed', `${'[{"a":'.repeat(100_000)}1${'}]'.repeat(100_000)}`],
    ['endless', `{"resourceSpans":[${'{},'.repeat(500_000)}`],
    ['of another kind', '{"resourceSpans":{"0":1}}'],
    ['a number', '17'],
    ['text', 'not a capture\n'.repeat(1000)],
    ['a command', '::error::x\n##[error]y\n\u001b[2J'],
  ])('is said to be none: %s', async (_, content) => {
    const { code, stdout, stderr } = await check(content);
    expect(code).toBe(2);
    expect(stdout).toMatch(/^empty: /m);
    expect(stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(2);
    expect(stderr).not.toMatch(/[^\P{C}\n]|^::|##\w*\[/mu);
  });

  it('is said to be none wherever it was cut', async () => {
    const size = Buffer.byteLength(capture);
    for (let at = 1; at < size; at += 7) {
      const { code, stderr } = await check(Buffer.from(capture).subarray(0, at));
      expect([at, code, stderr]).toEqual([at, 2, expect.stringMatching(/^throughline: .*is not OTLP\/JSON/)]);
    }
  });

  it('is never more than an exit code, whatever its bytes', async () => {
    const bytes = Buffer.from(capture);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        async (flips) => {
          const flipped = Buffer.from(bytes);
          for (const [at, byte] of flips) flipped[at] = byte;
          const { code, stdout, stderr } = await check(flipped);
          expect([0, 1, 2]).toContain(code);
          expect(stdout).toMatch(/^(?:sound|broken|empty): /m);
          expect(stdout + stderr).not.toMatch(/[^\P{C}\n]/u);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('may have any name', async () => {
    const name = join(folder, 'a\n::error::injected\u001b[2J.json');
    writeFileSync(name, 'no capture');
    for (const path of [name, `${name}.missing`, join(folder, '*\u001b[2J*::error::*.jsonl')]) {
      let stderr = '';
      const code = await run(['check', path], {
        stdin: Readable.from([]),
        stdout: { write: () => {} },
        stderr: { write: (text) => (stderr += text) },
        env: {},
      });
      expect(code).toBe(2);
      expect(stderr).not.toMatch(/[^\P{C}\n]|^::/mu);
    }
  });
});
