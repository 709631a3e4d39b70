import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { judgeHandMade } from './by-hand.ts';

const [run, step] = [randomUUID(), randomUUID()];

/** Ids of the engine's own, put into the fields of OTLP. */
const own = [
  { name: 'run', traceId: run.replaceAll('-', ''), spanId: run.slice(0, 8) },
  { name: 'draft', traceId: run.replaceAll('-', ''), spanId: step.replaceAll('-', '') },
];

// #region ids
const traceId = randomBytes(16).toString('hex'); // 32 hexadecimal digits
const spanId = randomBytes(8).toString('hex'); // 16 hexadecimal digits
// #endregion

const proper = [
  { name: 'run', traceId, spanId },
  { name: 'draft', traceId, spanId: randomBytes(8).toString('hex'), parentSpanId: spanId },
];
const review = { name: 'review', traceId: own[0]?.traceId ?? '', spanId: randomBytes(8).toString('hex') };
assert.deepEqual(await judgeHandMade('writer', [...own, review], 'bad-id'), ['bad-id']);
assert.deepEqual(await judgeHandMade('writer', proper), []);
console.log('ids of the right length are found');
