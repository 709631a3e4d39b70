/** Sends an answer, moment by moment, or fails on the way as it is told. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Answer } from './answer.ts';
import { failsAt, holdsOf } from './behaviour.ts';
import type { Behaviour, Failure } from './behaviour.ts';
import type { Connection } from './connection.ts';
import type { JsonObject } from './json.ts';
import { waitAt } from './moment.ts';
import type { Moment } from './moment.ts';
import { providerHeaders, requestIdOf } from './provider-headers.ts';
import { formatEvent } from './wire-format.ts';
import type { AnswerStream, WireFormat } from './wire-format.ts';

/** One request, and the connection that its answer goes out on. */
export interface Exchange {
  readonly format: WireFormat;
  readonly request: JsonObject;
  readonly connection: Connection;
  /** When the request came, as `performance.now()` has it. */
  readonly startedAt: number;
}

/** Sends an answer. Resolves to whether it was whole; rejects when the client goes away before. */
export async function deliver(exchange: Exchange, behaviour: Behaviour, answer: Answer): Promise<boolean> {
  const { format, request, connection } = exchange;
  const { fail } = behaviour;
  const pass = (at: Moment): Promise<void> => passMoment(at, behaviour, connection);
  const requestId = requestIdOf(behaviour);
  const head = (status: number, type: string): void => {
    const passedMs = performance.now() - exchange.startedAt;
    const headers = providerHeaders(format.provider, behaviour, requestId, passedMs);
    connection.head(status, { 'content-type': type, ...headers });
  };
  const refuse = async (status: number, message?: string): Promise<void> => {
    head(status, 'application/json');
    await pass('body');
    await connection.end(JSON.stringify(format.provider.errorBody({ status, message, requestId })));
  };

  await pass('headers');
  if (fail?.by === 'status') {
    await refuse(fail.status, fail.message);
    return false;
  }
  if (fail !== undefined && failsAt(fail) === 'headers') {
    connection.reset();
    return false;
  }
  if (request['stream'] === true && format.stream !== undefined) {
    head(200, 'text/event-stream; charset=utf-8');
    const failing = fail && { at: failsAt(fail), now: () => failStream(exchange, fail, requestId) };
    return sendStream(format.stream(answer, request), connection, pass, failing);
  }
  const chunks = format.stream === undefined ? [] : answer.parts.flatMap((part) => part.chunks);
  for (let at = 1; at <= chunks.length; at++) await pass(`chunk:${at}`);
  await pass('end');
  if (fail?.by === 'error-event') {
    await refuse(fail.status ?? 500, fail.message);
    return false;
  }
  head(200, 'application/json');
  await pass('body');
  return sendWhole(JSON.stringify(format.body(answer, request)), connection, fail);
}

async function sendWhole(text: string, connection: Connection, fail: Failure | undefined): Promise<boolean> {
  if (fail === undefined) {
    await connection.end(text);
    return true;
  }
  await connection.write(text.slice(0, text.length / 2));
  if (fail.by === 'reset') connection.reset();
  else await connection.end();
  return false;
}

async function passMoment(at: Moment, behaviour: Behaviour, { gone, until }: Connection): Promise<void> {
  const ms = waitAt(behaviour.wait ?? {}, at);
  if (ms > 0) await until(delay(ms, undefined, { signal: gone }));
  for (const hold of holdsOf(behaviour)) if (hold.at === at) await until(hold.arrive());
}

interface Failing {
  readonly at: Moment;
  now(): Promise<void>;
}

async function sendStream(
  { opening, chunks, ending }: AnswerStream,
  connection: Connection,
  pass: (at: Moment) => Promise<void>,
  failing: Failing | undefined,
): Promise<boolean> {
  const numbered = chunks.map((events, at) => [`chunk:${at + 1}`, events] as const);
  for (const [at, events] of [['body', opening], ...numbered, ['end', ending]] as const) {
    await pass(at);
    if (at === failing?.at) {
      await failing.now();
      return false;
    }
    for (const event of events) await connection.write(formatEvent(event));
  }
  await connection.end();
  return true;
}

async function failStream({ format, connection }: Exchange, fail: Failure, requestId: string): Promise<void> {
  switch (fail.by) {
    case 'status':
    case 'reset':
      return connection.reset();
    case 'cut':
      return connection.end();
    case 'malformed':
      return connection.end(formatEvent({ event: format.textEvent, data: '{"type":"cut o' }));
    case 'error-event': {
      const error = { status: fail.status ?? 500, message: fail.message, requestId };
      return connection.end(formatEvent(format.provider.errorEvent(error, format.name)));
    }
  }
}
