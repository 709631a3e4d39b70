import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { Producer } from '@platformatic/kafka';
import { startTelemetry } from '@throughline/test-telemetry';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { traceProducer } from '../src/index.ts';

/** What an error says, down to the last cause. */
function told(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, code, cause, errors } = error as Error & Readonly<Record<string, unknown>>;
  const inner = Array.isArray(errors) ? errors.map(told) : errors;
  return { constructor: error.constructor, name, message, code, cause: told(cause), errors: inner };
}

const failureOf = (run: Promise<unknown>): Promise<unknown> =>
  run.then(
    () => 'nothing',
    (error: unknown) => told(error),
  );

describe('what goes wrong with a producer is the same traced as bare', () => {
  let telemetry: ReturnType<typeof startTelemetry>;
  let silent: Server;
  const sockets: Socket[] = [];
  let dead: string;
  const listening = async (): Promise<Server> => {
    const server = createServer((socket) => void sockets.push(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server;
  };
  const addressOf = (server: Server): string => `127.0.0.1:${(server.address() as AddressInfo).port}`;

  beforeAll(async () => {
    telemetry = startTelemetry();
    silent = await listening();
    const gone = await listening();
    dead = addressOf(gone);
    gone.close();
    await once(gone, 'close');
  });
  beforeEach(() => telemetry.reset());
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    silent.close();
    await telemetry.shutdown();
  });

  it.each<[string, () => string, string]>([
    ['a broker that is not there', () => dead, 'ECONNREFUSED'],
    ['a host that is not there', () => 'no-such-host.invalid:9092', 'ENOTFOUND'],
    ['a broker that does not answer in time', () => addressOf(silent), 'PLT_KFK_NETWORK'],
  ])('%s', async (_, address, type) => {
    const send = async (wrap: (producer: Producer) => Producer): Promise<unknown> => {
      const producer = new Producer({
        clientId: 'faults',
        bootstrapBrokers: [address()],
        retries: 0,
        timeout: 200,
        requestTimeout: 200,
      });
      const message = { topic: 'any', value: Buffer.from('v') };
      const failure = await failureOf(wrap(producer).send({ messages: [message] }));
      for (const socket of sockets) socket.destroy();
      await producer.close();
      return failure;
    };
    const theirs = await send((producer) => producer);
    expect(theirs).not.toBe('nothing');
    expect(await send((producer) => traceProducer(producer) as unknown as Producer)).toEqual(theirs);
    expect(telemetry.spans().map(({ attributes }) => attributes['error.type'])).toEqual([type]);
  });

  it('a producer that is closed', async () => {
    const producer = new Producer({ clientId: 'faults', bootstrapBrokers: [dead], retries: 0 });
    await producer.close();
    const message = { topic: 'any', value: Buffer.from('v') };
    const theirs = await failureOf(producer.send({ messages: [message] }));
    expect(await failureOf(traceProducer(producer).send({ messages: [message] }))).toEqual(theirs);
    const { code } = theirs as { code: string };
    expect(telemetry.spans().map(({ attributes }) => attributes['error.type'])).toEqual([code]);
  });
});
