/** Spans that a program writes without an SDK, as workflow engines do. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ChainChecker } from '@throughline/verify';
import { codesOf } from './system.ts';

export interface HandMadeSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
}

/** Writes the spans as OTLP/JSON, one after the other in time, and returns what the checker says of the file. */
export async function judgeHandMade(
  service: string,
  spans: readonly HandMadeSpan[],
  name?: string,
): Promise<readonly string[]> {
  const start = BigInt(Date.now()) * 1_000_000n;
  const timed = spans.map((span, nth) => ({
    ...span,
    kind: 'SPAN_KIND_INTERNAL',
    startTimeUnixNano: String(start + BigInt(nth) * 1_000_000n),
    endTimeUnixNano: String(start + BigInt(nth + 1) * 1_000_000n),
  }));
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: service } }] };
  const file = JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans: timed }] }] });
  const { RECORD } = process.env;
  if (name !== undefined && RECORD !== undefined) writeFileSync(join(RECORD, `${name}.json`), `${file}\n`);
  const checker = new ChainChecker();
  await checker.read(
    (async function* () {
      yield file;
    })(),
  );
  return codesOf(checker.report());
}
