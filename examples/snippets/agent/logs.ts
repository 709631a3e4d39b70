import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { callModel, runAgent } from '@throughline/agent';
import { startTelemetry } from '@throughline/test-telemetry';

const written: Record<string, unknown>[] = [];
const destination = new Writable({
  write: (line, _encoding, done) => {
    written.push(JSON.parse(String(line)) as Record<string, unknown>);
    done();
  },
});

// #region logs
import { errorFields, pinoMixin, winstonFields } from '@throughline/agent';
import pino from 'pino';
import winston from 'winston';

const byPino = pino({ mixin: pinoMixin() }, destination);
const byWinston = winston.createLogger({
  defaultMeta: winstonFields({ service: 'desk' }),
  format: winston.format.json(),
  transports: [new winston.transports.Stream({ stream: destination })],
});
// #endregion

const telemetry = startTelemetry();
const request = { model: 'gpt-9', provider: 'openai', messages: [{ role: 'user', content: 'my secret' }] };
const ask = (): Promise<unknown> => callModel(request, () => Promise.reject(new Error('400: "my secret" is too long')));

await runAgent('planner', { conversationId: 'c-1' }, async () => {
  byPino.info('asked');
  byWinston.info('asked');
  try {
    await ask();
  } catch (error) {
    byPino.error(errorFields(error), 'the turn failed');
  }
});

const { traceId } = telemetry.find('invoke_agent planner').spanContext();
assert.equal(written.length, 3);
for (const line of written) {
  assert.equal(line['trace_id'], traceId);
  assert.equal(line['gen_ai.agent.name'], 'planner');
  assert.equal(line['gen_ai.conversation.id'], 'c-1');
}
const failed = written.find(({ msg }) => msg === 'the turn failed');
assert.equal(failed?.['gen_ai.request.model'], 'gpt-9');
assert.match(String(failed?.['throughline.input.digest']), /^[0-9a-f]{16}$/);
assert.ok(!JSON.stringify(written).includes('secret'));
await telemetry.shutdown();
console.log('a log line says which turn it is of, and nothing of the prompt');
