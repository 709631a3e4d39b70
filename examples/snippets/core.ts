// #region readme
import { register } from '@throughline/core';

register(); // { contextManager: 'registered', propagator: 'registered' }
// #endregion

import assert from 'node:assert/strict';
import { context, propagation } from '@opentelemetry/api';

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const received = propagation.extract(context.active(), { traceparent });
const sent: Record<string, string> = {};
await context.with(received, async () => {
  await Promise.resolve();
  propagation.inject(context.active(), sent);
});
assert.deepEqual(sent, { traceparent });
console.log('a process without an SDK passes the context on unchanged');
