import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { checkChains, parseSpans } from '@throughline/verify';
import type { ChainReport, CollectedSpan } from '@throughline/verify';
import AjvDraft04 from 'ajv-draft-04';
import { describe, expect, it } from 'vitest';
import { sarif } from '../src/formats/sarif.ts';
import { run } from '../src/index.ts';

const require = createRequire(import.meta.url);
// The published schema, as Microsoft's matchers for Jest carry it.
const schema = readFileSync(
  require.resolve('@microsoft/jest-sarif').replace(/index\.js$/, 'schemas/sarif-2.1.0-rtm.5.json'),
  'utf8',
);
const isValid = new AjvDraft04.default({ strict: false, validateFormats: false, unicodeRegExp: false }).compile(
  JSON.parse(schema) as object,
);

interface Log {
  readonly runs: readonly [
    {
      readonly tool: { readonly driver: { readonly rules: readonly object[] } };
      readonly invocations: readonly object[];
      readonly results: readonly { readonly locations: readonly object[]; readonly partialFingerprints: object }[];
    },
  ];
}

function log(report: ChainReport, folder: string = '/src/desk'): Log {
  const written = JSON.parse(sarif(report, folder, '1.2.3')) as Log;
  expect(isValid(written), JSON.stringify(isValid.errors)).toBe(true);
  return written;
}

const capture = (name: string): string =>
  fileURLToPath(new URL(`../../../test/corpus/captures/${name}/spans.json`, import.meta.url));
const spansOf = (name: string): CollectedSpan[] => parseSpans(readFileSync(capture(name), 'utf8')).spans;

/** The first place of the first result, where every span tells of this code. */
function placed(attributes: Record<string, string | number>): unknown {
  const spans = spansOf('http-undici-explicit-header').map((span) => ({
    ...span,
    attributes: { ...span.attributes, ...attributes },
  }));
  return log(checkChains(spans)).runs[0].results[0]?.locations[0];
}

describe('SARIF', () => {
  it('has a result for each finding, with its page and its boundary', () => {
    const spans = spansOf('http-undici-explicit-header');
    const [written] = log(checkChains(spans)).runs;
    expect(written.tool.driver.rules).toEqual([
      { id: 'lost-context', helpUri: expect.stringMatching(/^https:.*\/docs\/findings\/lost-context\.md$/) },
    ]);
    expect(written.results).toMatchObject([
      {
        ruleId: 'lost-context',
        ruleIndex: 0,
        level: 'error',
        message: { text: expect.stringContaining('gateway → planner over http /plan') },
        locations: [{ logicalLocations: [{ name: 'gateway' }, { name: 'planner' }] }],
        properties: { boundary: { from: 'gateway', to: 'planner', over: '/plan' } },
      },
    ]);
  });

  it('opens at the code, where spans tell of it', () => {
    const at = (uri: string, startLine?: number): object => ({
      physicalLocation: { artifactLocation: { uri }, ...(startLine === undefined ? {} : { region: { startLine } }) },
    });
    expect(placed({ 'code.file.path': '/src/desk/app/plan.ts', 'code.line.number': 12 })).toMatchObject(
      at('app/plan.ts', 12),
    );
    expect(placed({ 'code.filepath': 'app/my plan.py', 'code.lineno': '7' })).toMatchObject(at('app/my%20plan.py', 7));
    expect(placed({ 'code.file.path': 'file:///src/desk/a.ts' })).toMatchObject(at('a.ts'));
    expect(placed({ 'code.file.path': '/elsewhere/a.ts' })).toMatchObject(at('file:///elsewhere/a.ts'));
    expect(placed({ 'code.file.path': '../../etc/\u0000\ud800?x#y', 'code.line.number': -1 })).toBeDefined();
    expect(placed({ 'code.file.path': 'file://%zz/%ff' })).toBeDefined();
  });

  it('is held against a schema that refuses what is none', () => {
    expect(isValid({ version: '2.1.0', runs: [{ results: [] }] })).toBe(false);
  });

  it('is the same break in every run', () => {
    const spans = spansOf('http-undici-explicit-header');
    const later = spans.map((span) => ({ ...span, traceId: span.traceId.replace(/^./, 'f') }));
    const [first, second] = [spans, later].map((all) => log(checkChains(all)).runs[0].results[0]?.partialFingerprints);
    expect(first).toEqual(second);
  });

  it('says where there was nothing to judge', () => {
    const written = log(checkChains([]));
    expect(written.runs[0]).toMatchObject({ results: [], invocations: [{ executionSuccessful: false }] });
  });

  it('is a format of the command', async () => {
    let stdout = '';
    const surroundings = {
      stdin: process.stdin,
      stderr: process.stderr,
      env: {},
      stdout: { write: (text: string) => (stdout += text) },
    };
    expect(await run(['check', capture('http-three-requests'), '--format', 'sarif'], surroundings)).toBe(0);
    expect(isValid(JSON.parse(stdout))).toBe(true);
    expect(JSON.parse(stdout)).toMatchObject({ runs: [{ results: [], invocations: [{ executionSuccessful: true }] }] });
  });
});
