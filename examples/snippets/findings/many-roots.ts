import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { judgeHandMade } from './by-hand.ts';
import type { HandMadeSpan } from './by-hand.ts';

const jobs = ['plan', 'draft', 'publish'];

/** The trace of a run, whose id is made of the run's name; each of its jobs begins it anew. */
function byRun(run: string): HandMadeSpan[] {
  const traceId = createHash('sha256').update(run).digest('hex').slice(0, 32);
  return jobs.map((name) => ({ name, traceId, spanId: randomBytes(8).toString('hex') }));
}

function belowOne(run: string): HandMadeSpan[] {
  // #region root
  const root = { name: run, traceId: randomBytes(16).toString('hex'), spanId: randomBytes(8).toString('hex') };
  const spans = jobs.map((name) => ({
    name,
    traceId: root.traceId,
    spanId: randomBytes(8).toString('hex'),
    parentSpanId: root.spanId,
  }));
  // #endregion
  return [root, ...spans];
}

assert.deepEqual(await judgeHandMade('writer', byRun('run 17'), 'many-roots'), ['many-roots']);
assert.deepEqual(await judgeHandMade('writer', belowOne('run 17')), []);
console.log('jobs below one root are one trace');
