import { headers } from '@nats-io/nats-core';
import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { context, propagation, SpanStatusCode } from '@opentelemetry/api';
import type { Span } from '@opentelemetry/api';
import { traceNats } from '@throughline/nats';
import { startFeeder } from './feeder.ts';
import { endSpan, handled, sent, startSend } from './hand-written.ts';
import type { HandWritten, Received } from './hand-written.ts';
import { asked, byFeeding, byPromise, serve } from './operations.ts';
import type { Operations } from './operations.ts';
import { traceparent } from './traceparent.ts';
import type { QueueVariant } from './variant.ts';

const AT_ONCE = 100;
const REQUESTS_AT_ONCE = 20;

const started = asked();
const { task, url, telemetry } = started;
const bare = await connect({ servers: url });
const answering = await connect({ servers: url });
const feeder = startFeeder('nats', url);
const payload = Buffer.alloc(1024, 'x');

const tasks: Readonly<Record<string, (at: Place) => Operations>> = { publish, request, callback, loop };

await serve(
  started,
  (variant) => {
    const subject = `tasks.${variant}.${process.pid}`;
    const by: HandWritten = { tracer: telemetry.tracer, system: 'nats', destination: subject };
    const operations = tasks[task]?.({ variant, subject, by, connection: tracedAs(variant, bare) });
    if (operations === undefined) throw new Error(`no task '${task}'`);
    return operations;
  },
  async () => {
    feeder.stop();
    await Promise.all([bare.close(), answering.close()]);
  },
);

interface Place {
  readonly variant: QueueVariant;
  readonly subject: string;
  readonly by: HandWritten;
  readonly connection: NatsConnection;
}

function tracedAs(variant: QueueVariant, connection: NatsConnection): NatsConnection {
  return variant === 'ours' ? traceNats(connection) : connection;
}

function publish({ variant, subject, by, connection }: Place): Operations {
  const publishOne = (): void => {
    switch (variant) {
      case 'constant':
        connection.publish(subject, payload, { headers: withFields({ traceparent }) });
        break;
      case 'hand-written': {
        const { span, fields } = startSend(by);
        connection.publish(subject, payload, { headers: withFields(fields) });
        endSpan(span);
        break;
      }
      default:
        connection.publish(subject, payload);
    }
  };
  return async (count) => {
    for (let at = 0; at < count; at += AT_ONCE) {
      for (let nth = 0; nth < AT_ONCE; nth++) publishOne();
      await connection.flush();
    }
  };
}

function request({ variant, subject, by, connection }: Place): Operations {
  tracedAs(variant, answering).subscribe(subject, {
    callback: (_, message) => {
      if (variant !== 'hand-written') message.respond(payload);
      else handled(by, receivedOf(message), () => message.respond(payload, { headers: withFields(activeFields()) }));
    },
  });
  const ask = (fields?: Record<string, string>): Promise<Msg> =>
    connection.request(
      subject,
      payload,
      fields === undefined ? { timeout: 60_000 } : { timeout: 60_000, headers: withFields(fields) },
    );
  const asHandWritten = async (fields: Record<string, string>, span: Span): Promise<void> => {
    const { headers } = await ask(fields);
    const failure = headers?.get('Nats-Service-Error-Code');
    if (failure) span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute('error.type', failure);
  };
  switch (variant) {
    case 'constant':
      return byPromise(REQUESTS_AT_ONCE, () => ask({ traceparent }));
    case 'hand-written':
      return byPromise(REQUESTS_AT_ONCE, () => sent(by, asHandWritten, undefined, 'request'));
    default:
      return byPromise(REQUESTS_AT_ONCE, () => ask());
  }
}

function callback({ variant, subject, by, connection }: Place): Operations {
  const { operations, received } = byFeeding(feeder, { destination: subject, count: AT_ONCE });
  connection.subscribe(subject, {
    callback: (_, message) => {
      if (variant === 'hand-written') handled(by, receivedOf(message), received);
      else received();
    },
  });
  return operations;
}

function loop({ variant, subject, by, connection }: Place): Operations {
  const { operations, received } = byFeeding(feeder, { destination: subject, count: AT_ONCE });
  void (async () => {
    for await (const message of connection.subscribe(subject)) {
      if (variant === 'hand-written') handled(by, receivedOf(message), received);
      else received();
    }
  })();
  return operations;
}

function withFields(fields: Readonly<Record<string, string>>): MsgHdrs {
  const written = headers();
  for (const [name, value] of Object.entries(fields)) written.set(name, value);
  return written;
}

function activeFields(): Record<string, string> {
  const fields: Record<string, string> = {};
  propagation.inject(context.active(), fields);
  return fields;
}

function receivedOf({ headers: carrier }: Msg): Received<MsgHdrs | undefined> {
  const getter = {
    keys: (fields: MsgHdrs | undefined) => fields?.keys() ?? [],
    get: (fields: MsgHdrs | undefined, name: string) => fields?.get(name),
  };
  return { carrier, getter };
}
