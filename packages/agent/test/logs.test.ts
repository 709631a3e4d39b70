import { Writable } from 'node:stream';
import { propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { withAttempt } from '@throughline/core';
import { startTelemetry } from '@throughline/test-telemetry';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import winston from 'winston';
import { logFields, pinoMixin, runAgent, runTool, winstonFields } from '../src/index.ts';

let telemetry: Telemetry;
beforeAll(() => (telemetry = startTelemetry()));
afterEach(() => telemetry.reset());
afterAll(() => telemetry.shutdown());

const idsOf = (span: ReadableSpan): object => ({
  trace_id: span.spanContext().traceId,
  span_id: span.spanContext().spanId,
  trace_flags: '01',
});

/** Where a logger writes to, and the lines that it has written. */
function lines(): { stream: Writable; read: () => Record<string, unknown>[] } {
  const written: string[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      written.push(String(chunk));
      done();
    },
  });
  return { stream, read: () => written.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('logFields()', () => {
  it('says which span, agent, conversation and place in the lineage a line is from', () => {
    const fields = withAttempt(2, () =>
      runAgent('planner', { conversationId: 'c-1' }, () => runTool('search', () => logFields())),
    );
    expect(fields).toEqual({
      ...idsOf(telemetry.find('execute_tool search')),
      'gen_ai.agent.name': 'planner',
      'gen_ai.conversation.id': 'c-1',
      'throughline.lineage.hops': 0,
      'throughline.lineage.attempt': 2,
    });
  });

  it('says nothing where nothing is active, and only what is there', () => {
    expect(logFields()).toEqual({});
    const baggage = propagation.createBaggage({ 'gen_ai.conversation.id': { value: 'c-\u001b[31m' } });
    const context = propagation.setBaggage(ROOT_CONTEXT, baggage);
    expect(logFields(context)).toEqual({ 'gen_ai.conversation.id': 'c-\\u{1b}[31m' });
    const invalid = trace.setSpanContext(ROOT_CONTEXT, { traceId: '0'.repeat(32), spanId: '1', traceFlags: 1 });
    expect(logFields(invalid)).toEqual({});
  });

  it('never throws, whatever the context is', () => {
    const broken = {
      getValue: () => {
        throw new Error('broken');
      },
    } as unknown as Context;
    expect(logFields(broken)).toEqual({});
  });
});

describe('pinoMixin()', () => {
  it('gives each line the fields of where it is logged; the line’s own come first', async () => {
    const { stream, read } = lines();
    const logger = pino({ mixin: pinoMixin(), base: null, timestamp: false }, stream);
    logger.info('outside');
    await Promise.all(
      ['a', 'b'].map((agent) =>
        runAgent(agent, async () => {
          await Promise.resolve();
          logger.child({ part: 1 }).warn({ 'gen_ai.conversation.id': 'own' }, agent);
        }),
      ),
    );
    expect(read()).toEqual([
      { level: 30, msg: 'outside' },
      ...['a', 'b'].map((agent) => ({
        level: 40,
        msg: agent,
        part: 1,
        ...idsOf(telemetry.find(`invoke_agent ${agent}`)),
        'gen_ai.agent.name': agent,
        'gen_ai.conversation.id': 'own',
      })),
    ]);
  });
});

describe('winstonFields()', () => {
  it('gives each line the fields of where it is logged, however it is logged', () => {
    const { stream, read } = lines();
    const logger = winston.createLogger({
      defaultMeta: winstonFields({ service: 'desk' }),
      format: winston.format.json(),
      transports: [new winston.transports.Stream({ stream })],
    });
    logger.info('outside');
    runAgent('a', () => {
      logger.info('text');
      logger.info('with meta', { more: 1 });
      logger.log({ level: 'info', message: 'object' });
      logger.child({ part: 1 }).info('child');
    });
    const fields = { service: 'desk', 'gen_ai.agent.name': 'a', ...idsOf(telemetry.find('invoke_agent a')) };
    expect(read()).toEqual([
      { level: 'info', message: 'outside', service: 'desk' },
      { level: 'info', message: 'text', ...fields },
      { level: 'info', message: 'with meta', more: 1, ...fields },
      { level: 'info', message: 'object', ...fields },
      { level: 'info', message: 'child', part: 1, ...fields },
    ]);
  });

  it('gives no line the fields of another one where a transport is slow, as a format does', async () => {
    const read: Record<string, unknown>[] = [];
    const slow = Object.assign(new winston.transports.Stream({ stream: lines().stream }), {
      log: (info: Record<string, unknown>, next: () => void) => {
        read.push(info);
        setImmediate(next);
      },
    });
    const late = winston.format((info) => ({ ...info, late: logFields()['gen_ai.agent.name'] }));
    const logger = winston.createLogger({ defaultMeta: winstonFields(), format: late(), transports: [slow] });
    for (let n = 0; n < 100; n++) runAgent(`a${n}`, () => logger.info(`a${n}`));
    await vi.waitFor(() => expect(read).toHaveLength(100), { timeout: 20_000 });
    expect(read.filter((line) => line['gen_ai.agent.name'] !== line['message'])).toEqual([]);
    // What it is there for: this is how it would be by a format.
    expect(read.filter((line) => line['late'] !== line['message'])).not.toEqual([]);
  });
});
