import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkChains, formatOtlpJson, startCollector } from '@throughline/verify';
import { codesOf } from './system.ts';

/** A workflow that goes back: the draft is criticised, and drafted again. */
const steps = ['plan', 'draft', 'criticise', 'draft', 'criticise', 'publish'];

interface Exported {
  readonly name: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
}

/** One span for each node of the workflow, whose id is made of the node's name. The last visit wins. */
function byNode(): Exported[] {
  const idOf = (node: string): string => createHash('sha256').update(node).digest('hex').slice(0, 16);
  const spans = new Map<string, Exported>();
  for (const [nth, name] of steps.entries()) {
    const before = steps[nth - 1];
    spans.set(name, {
      name,
      spanId: idOf(name),
      ...(before === undefined ? undefined : { parentSpanId: idOf(before) }),
    });
  }
  return [...spans.values()];
}

function byVisit(): Exported[] {
  const spans: Exported[] = [];
  for (const name of steps) {
    // #region visit
    const spanId = randomBytes(8).toString('hex'); // of this visit, and of no other
    // #endregion
    const before = spans.at(-1)?.spanId;
    spans.push({ name, spanId, ...(before === undefined ? undefined : { parentSpanId: before }) });
  }
  return spans;
}

/** Exports the spans over OTLP, as a workflow engine without an SDK does, and returns what the checker says. */
async function judge(exported: readonly Exported[], file?: string): Promise<string[]> {
  const collector = await startCollector();
  const start = BigInt(Date.now()) * 1_000_000n;
  const spans = exported.map((span, nth) => ({
    ...span,
    traceId: 'b1'.repeat(16),
    kind: 'SPAN_KIND_INTERNAL',
    startTimeUnixNano: String(start + BigInt(nth) * 1_000_000n),
    endTimeUnixNano: String(start + BigInt(nth + 1) * 1_000_000n),
  }));
  const attributes = [{ key: 'service.name', value: { stringValue: 'writer' } }];
  await fetch(`${collector.url}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans }] }] }),
  });
  const { RECORD } = process.env;
  if (file !== undefined && RECORD !== undefined) {
    writeFileSync(join(RECORD, file), `${formatOtlpJson(collector.spans())}\n`);
  }
  const codes = codesOf(checkChains(collector));
  await collector.close();
  return codes;
}

assert.deepEqual(await judge(byNode(), 'parent-loop.json'), ['parent-loop']);
assert.deepEqual(await judge(byVisit()), []);
console.log('an id for each visit leads back to nothing');
