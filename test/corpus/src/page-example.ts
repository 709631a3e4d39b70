import { Readable } from 'node:stream';
import { ChainChecker, checkChains, renderTree } from '@throughline/verify';
import type { ChainReport, CheckChainsOptions, CollectedSpan } from '@throughline/verify';
import { captures } from './captures.ts';
import type { Capture } from './captures.ts';

/** What a page says of its example: `<!-- example CAPTURE TRACE… {"expect":"one-trace"} -->`, and the block below. */
const example =
  /(?<head><!-- example (?<name>\S+)(?<traces>(?: [0-9a-f]+)*)(?: (?<options>\{.*\}))? -->\n\n```text\n)[^]*?(?<foot>```)/g;

/** What an example may say of its capture, beside what the checker takes. */
interface ExampleOptions extends CheckChainsOptions {
  /** How many spans the collector had refused. */
  readonly rejected?: number;
}

/** Returns the page of a finding with its examples as the checker tells them today: its sentences, and the traces that the page names. */
export async function withExamples(code: string, page: string): Promise<string> {
  let written = page;
  for (const { 0: whole, groups } of page.matchAll(example)) {
    const { head = '', name = '', traces = '', options = '{}', foot = '' } = groups ?? {};
    const shown = await exampleOf(code, name, traces.trim().split(' '), JSON.parse(options) as ExampleOptions);
    written = written.replace(whole, () => `${head}${shown}\n${foot}`);
  }
  return written;
}

/** How many examples a page has. */
export function examplesIn(page: string): number {
  return [...page.matchAll(example)].length;
}

async function exampleOf(
  code: string,
  name: string,
  traces: readonly string[],
  options: ExampleOptions,
): Promise<string> {
  const capture = captures.find((one) => one.name === name);
  if (capture === undefined) throw new Error(`there is no capture ${name}: see test/corpus/captures`);
  const { spans, expected } = capture;
  const said = sentences(code, await judged(capture, { services: expected.captured, ...options }));
  if (said.length === 0) throw new Error(`the checker does not say ${code} of ${name}`);
  const drawn = spans.filter(({ traceId }) => traces.some((trace) => trace !== '' && traceId.startsWith(trace)));
  if (drawn.length === 0) return said.join('\n');
  const { services = expected.captured } = options;
  return [...said, '', shortened(renderTree(checkChains(withoutNoise(drawn), { services })))].join('\n');
}

/** Longer trees are cut: a page shows where it breaks. */
const LINES = 16;

function shortened(tree: string): string {
  const lines = tree.split('\n');
  return lines.length <= LINES ? tree : [...lines.slice(0, LINES), '…'].join('\n');
}

async function judged({ spans, file }: Capture, { rejected, ...options }: ExampleOptions): Promise<ChainReport> {
  if (rejected !== undefined) {
    return checkChains({ spans: () => [...spans], rejected: () => rejected, refused: () => 0 }, options);
  }
  const checker = new ChainChecker();
  await checker.read(Readable.from([file]));
  return checker.report(options);
}

function sentences(code: string, { findings }: ChainReport): string[] {
  return findings
    .filter((finding) => finding.code === code)
    .map(({ severity, message }) => `${severity === 'error' ? '✗' : '!'} ${message}`);
}

const NOISE = /^@opentelemetry\/instrumentation-(?:connect|dns|express|net|router)$/;

/** The spans of layers and sockets left out, what is below them hung one higher. */
function withoutNoise(spans: readonly CollectedSpan[]): CollectedSpan[] {
  const noise = new Map(spans.filter(({ scope }) => NOISE.test(scope.name)).map((span) => [span.spanId, span]));
  return spans
    .filter(({ spanId }) => !noise.has(spanId))
    .map((span) => {
      const { parentSpanId: _, ...root } = span;
      let above = span.parentSpanId;
      while (above !== undefined && noise.has(above)) above = noise.get(above)?.parentSpanId;
      return above === undefined ? root : { ...root, parentSpanId: above };
    });
}
