import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { judgeHandMade } from './by-hand.ts';
import type { HandMadeSpan } from './by-hand.ts';

/** A workflow that goes back: the draft is criticised, and drafted again. */
const steps = ['plan', 'draft', 'criticise', 'draft', 'criticise', 'publish'];
const traceId = 'b1'.repeat(16);

/** One span for each node of the workflow, whose id is made of the node's name. The last visit wins. */
function byNode(): HandMadeSpan[] {
  const idOf = (node: string): string => createHash('sha256').update(node).digest('hex').slice(0, 16);
  const spans = new Map<string, HandMadeSpan>();
  for (const [nth, name] of steps.entries()) {
    const before = steps[nth - 1];
    const above = before === undefined ? undefined : { parentSpanId: idOf(before) };
    spans.set(name, { name, traceId, spanId: idOf(name), ...above });
  }
  return [...spans.values()];
}

function byVisit(): HandMadeSpan[] {
  const spans: HandMadeSpan[] = [];
  for (const name of steps) {
    // #region visit
    const spanId = randomBytes(8).toString('hex'); // of this visit, and of no other
    // #endregion
    const before = spans.at(-1)?.spanId;
    spans.push({ name, traceId, spanId, ...(before === undefined ? undefined : { parentSpanId: before }) });
  }
  return spans;
}

assert.deepEqual(await judgeHandMade('writer', byNode(), 'parent-loop'), ['parent-loop']);
assert.deepEqual(await judgeHandMade('writer', byVisit()), []);
console.log('an id for each visit leads back to nothing');
