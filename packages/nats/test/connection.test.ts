import { context, propagation, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { headers } from '@nats-io/nats-core';
import type { Msg, NatsConnection } from '@nats-io/nats-core';
import { ThroughlineError } from '@throughline/core';
import { expect, it } from 'vitest';
import { extractContext, injectHeaders, traceNats } from '../src/index.ts';
import type { NatsOptions } from '../src/index.ts';
import {
  activeSpan,
  activeTrace,
  another,
  connection,
  inSpan,
  named,
  newSubject,
  onNats,
  openSpans,
  plain,
  telemetry,
  untilNamed,
} from './on-nats.ts';

/** The next message of a subject, as an untraced connection gets it. */
function wire(subject: string): Promise<Msg> {
  return new Promise((resolve) => plain.subscribe(subject, { max: 1, callback: (_, message) => resolve(message) }));
}

const traceOf = (message: Msg): string | undefined => message.headers?.get('traceparent').split('-')[1];
const spanOf = (message: Msg): string | undefined => message.headers?.get('traceparent').split('-')[2];

onNats('what is published', () => {
  it('carries its span; headers of the user are kept, all their values, and copied', async () => {
    const subject = newSubject();
    const received = wire(subject);
    const own = headers();
    own.append('Mine', 'one');
    own.append('Mine', 'two');
    own.set('mine', 'three');
    own.set('Traceparent', `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`);
    own.set('tracestate', 'stale=1');
    const before = JSON.stringify([...own]);
    await inSpan('caller', async () => connection.publish(subject, 'x', { headers: own, reply: 'somewhere' }));
    const message = await received;
    expect(message.reply).toBe('somewhere');
    expect(message.headers?.keys().toSorted()).toEqual(['Mine', 'baggage', 'mine', 'traceparent']);
    expect(message.headers?.values('Mine')).toEqual(['one', 'two']);
    expect(JSON.stringify([...own])).toBe(before);
    const send = telemetry.find(`send ${subject}`);
    expect(spanOf(message)).toBe(send.spanContext().spanId);
    expect(send.parentSpanContext?.spanId).toBe(telemetry.find('caller').spanContext().spanId);
    expect(send.attributes).toEqual({
      'messaging.system': 'nats',
      'messaging.operation.name': 'send',
      'messaging.operation.type': 'send',
      'messaging.destination.name': subject,
    });
  });

  it('by publishMessage: a message that is sent on stays in its chain', async () => {
    const [first, second] = [newSubject('a'), newSubject('b')];
    const received = wire(second);
    const subscription = connection.subscribe(first, { max: 1 });
    await inSpan('caller', async () => connection.publish(first, 'x'));
    for await (const message of subscription) {
      connection.publishMessage({ ...message, subject: second, data: message.data, headers: message.headers } as Msg);
    }
    const message = await received;
    expect(message.string()).toBe('x');
    const [send] = named(`send ${second}`);
    expect(spanOf(message)).toBe(send?.spanContext().spanId);
    expect(send?.parentSpanContext?.spanId).toBe(named(`process ${first}`)[0]?.spanContext().spanId);
  });

  it('a status of the user’s own stays', async () => {
    const subject = newSubject();
    const received = wire(subject);
    connection.publish(subject, '', { headers: headers(201, 'Made') });
    const { headers: held } = await received;
    expect([held?.code, held?.description, held?.has('traceparent')]).toEqual([201, 'Made', true]);
  });

  it('what the client does not take fails as it does bare, and the span says so', async () => {
    for (const args of [
      ['', 'x'],
      ['no spaces', 'x'],
      ['any', 7],
      ['any', new Uint8Array(2_000_000)],
    ] as [string, string][]) {
      const failure = (publish: () => void): unknown => {
        try {
          publish();
          return undefined;
        } catch (error) {
          return `${(error as Error).name} ${(error as Error).message}`;
        }
      };
      const theirs = failure(() => plain.publish(...args));
      expect(theirs).toBeDefined();
      expect(failure(() => connection.publish(...args))).toBe(theirs);
    }
    expect(named('send any').map(({ attributes }) => attributes['error.type'])).toEqual([
      'TypeError',
      'InvalidArgumentError',
    ]);
    const closed = await another();
    await closed.close();
    expect(() => traceNats(closed).publish('any')).toThrow(/closed/);
    expect(named('send any').at(-1)?.attributes['error.type']).toBe('ClosedConnectionError');
  });

  it('a payload that leaves no room for the fields goes without them', async () => {
    const subject = newSubject();
    const most = plain.info?.max_payload ?? 0;
    for (const [size, carries] of [
      [most - 5_000, true],
      [most - 20, false],
      [most, false],
    ] as const) {
      const received = wire(subject);
      await plain.flush();
      connection.publish(subject, new Uint8Array(size));
      const message = await received;
      expect(message.data.length).toBe(size);
      expect(message.headers?.has('traceparent') ?? false).toBe(carries);
    }
  });

  it('a server that takes no headers gets none', async () => {
    const published: unknown[][] = [];
    const fake = {
      info: { headers: false, max_payload: 1_000_000 },
      publish: (...args: unknown[]) => void published.push(args),
      subscribe: () => ({}),
    };
    const traced = traceNats(fake as unknown as NatsConnection);
    await inSpan('caller', async () => traced.publish('any', 'x'));
    expect(published).toEqual([['any', 'x', undefined]]);
    expect(named('send any')).toHaveLength(1);
  });

  it('subjects of the server’s own are left alone', async () => {
    const info = await connection.request('$JS.API.INFO', '');
    expect(info.json()).toHaveProperty('limits');
    expect(telemetry.spans()).toEqual([]);
  });

  it('`subjects` name spans whose subjects hold ids', async () => {
    const root = newSubject();
    const traced = traceNats(plain, { subjects: [`${root}.*.paid`] });
    const subscription = traced.subscribe(`${root}.>`, { max: 2 });
    traced.publish(`${root}.17.paid`);
    traced.publish(`${root}.17.sent`);
    for await (const _ of subscription);
    const [send] = named(`send ${root}.*.paid`);
    expect(send?.attributes).toMatchObject({
      'messaging.destination.name': `${root}.17.paid`,
      'messaging.destination.template': `${root}.*.paid`,
    });
    expect(named(`send ${root}.17.sent`)).toHaveLength(1);
    expect(named(`process ${root}.*.paid`)).toHaveLength(1);
    const [other] = named(`process ${root}.>`);
    expect(other?.attributes['messaging.destination.name']).toBe(`${root}.17.sent`);
  });
});

onNats('a callback', () => {
  it('runs in the context of its message; its promise ends the span', async () => {
    const subject = newSubject();
    let release = (): void => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    const seen: (string | undefined)[] = [];
    const handle = async (error: Error | null, message: Msg): Promise<unknown> => {
      expect(error).toBeNull();
      seen.push(activeTrace(), propagation.getActiveBaggage()?.getEntry('tenant')?.value, message.string());
      await released;
      return seen.push(activeTrace());
    };
    const subscription = connection.subscribe(subject, {
      max: 1,
      queue: 'workers',
      callback: (error, message) => handle(error, message) as Promise<never>,
    });
    let sent: string | undefined;
    const baggage = propagation.createBaggage({ tenant: { value: 'blue' } });
    await context.with(propagation.setBaggage(context.active(), baggage), () =>
      inSpan('caller', async () => {
        sent = activeTrace();
        connection.publish(subject, 'x');
      }),
    );
    await expect.poll(() => seen.length).toBe(3);
    expect(named(`process ${subject}`)).toEqual([]);
    release();
    const [span] = await untilNamed(`process ${subject}`);
    expect(seen).toEqual([sent, 'blue', 'x', sent]);
    expect(span?.attributes['messaging.consumer.group.name']).toBe('workers');
    expect(await subscription.closed).toBeUndefined();
    expect(subscription.getProcessed()).toBe(1);
  });

  it('a refused message is not handled, a request is answered, and the connection reads on', async () => {
    const subject = newSubject();
    const traced = traceNats(plain, { lineage: { mode: 'enforce' } });
    const texts: string[] = [];
    const subscription = traced.subscribe(subject, {
      callback: (_, message) => {
        texts.push(message.string());
        message.respond('done');
      },
    });
    const deep = headers();
    deep.set('traceparent', `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`);
    deep.set('baggage', 'throughline.lineage=1.33.32.1.-.-.-');
    for (let nth = 0; nth < 3; nth++) plain.publish(subject, 'deep', { headers: deep });
    const refused = await connection.request(subject, 'deep', { headers: deep, timeout: 10_000 });
    expect(refused.headers?.get('Nats-Service-Error-Code')).toBe('508');
    const answer = await traced.request(subject, 'fine', { timeout: 10_000 });
    expect(answer.string()).toBe('done');
    expect(texts).toEqual(['fine']);
    expect(named(`request ${subject}`).map(({ attributes }) => attributes['error.type'])).toEqual(['508', undefined]);
    subscription.unsubscribe();
  });

  it('an error of the subscription reaches it, and is no hop', async () => {
    const subject = newSubject();
    const error = await new Promise((resolve) => {
      connection.subscribe(subject, { timeout: 20, callback: (failure) => resolve(failure) });
    });
    expect((error as Error).name).toBe('TimeoutError');
    expect(telemetry.spans()).toEqual([]);
  });
});

onNats('a request', () => {
  it('is one hop with its answer, and the requester goes on where it was', async () => {
    const subject = newSubject('tasks');
    let inner: string | undefined;
    connection.subscribe(subject, {
      max: 1,
      callback: (_, message) => {
        inner = activeSpan();
        message.respond('answer');
      },
    });
    await inSpan('caller', async () => {
      const before = activeSpan();
      const answer = await connection.request(subject, 'question', { timeout: 10_000 });
      expect(answer.string()).toBe('answer');
      expect(activeSpan()).toBe(before);
    });
    const [request] = named(`request ${subject}`);
    const [process] = named(`process ${subject}`);
    expect(process?.spanContext().spanId).toBe(inner);
    expect(process?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId);
    expect(request?.kind).toBe(SpanKind.PRODUCER);
    expect(request?.attributes).toMatchObject({
      'messaging.operation.name': 'request',
      'messaging.operation.type': 'send',
    });
    expect(telemetry.spans().map(({ name }) => name)).toHaveLength(3);
  });

  it('of which nobody hears, or that takes too long, is an error', async () => {
    const subject = newSubject();
    const theirs = await plain.request(subject).catch((error: unknown) => error);
    const ours = await connection.request(subject).catch((error: unknown) => error);
    expect((ours as Error).constructor).toBe((theirs as Error).constructor);
    expect((ours as Error).message).toBe((theirs as Error).message);
    plain.subscribe(subject, { callback: () => {} });
    await expect(connection.request(subject, 'x', { timeout: 30 })).rejects.toThrow('timeout');
    await expect(connection.request(subject, 'x', { timeout: 30, noMux: true })).rejects.toThrow('timeout');
    await expect(connection.request(subject, 'x', { timeout: -1 })).rejects.toThrow();
    expect(
      named(`request ${subject}`).map(({ attributes, status }) => [attributes['error.type'], status.code]),
    ).toEqual([
      ['NoResponders', SpanStatusCode.ERROR],
      ['TimeoutError', SpanStatusCode.ERROR],
      ['TimeoutError', SpanStatusCode.ERROR],
      ['InvalidArgumentError', SpanStatusCode.ERROR],
    ]);
  });

  it('by noMux and by an inbox of the user’s own', async () => {
    const subject = newSubject();
    const service = connection.subscribe(subject);
    const serve = (async () => {
      for await (const message of service) {
        message.respond(`to ${message.string()}`);
        if (message.string() === 'last') break;
      }
    })();
    const answer = await connection.request(subject, 'one', { noMux: true, timeout: 10_000 });
    expect(answer.string()).toBe('to one');
    const inbox = `_INBOX.${newSubject()}`;
    const answers = connection.subscribe(inbox, { max: 1 });
    let sent: string | undefined;
    await inSpan('caller', async () => {
      sent = activeTrace();
      connection.publish(subject, 'last', { reply: inbox });
    });
    for await (const message of answers) {
      expect(message.string()).toBe('to last');
      expect(activeTrace()).toBe(sent);
    }
    await serve;
    const [process] = named('process _INBOX.>');
    const [replier] = named(`process ${subject}`).slice(-1);
    expect(process?.parentSpanContext?.spanId).toBe(replier?.spanContext().spanId);
    expect(process?.attributes).toMatchObject({
      'messaging.destination.name': '_INBOX.>',
      'messaging.destination.temporary': true,
    });
  });

  it('the answer is no deeper in the chain than what it answers', async () => {
    const subject = newSubject();
    const traced = traceNats(plain, { agent: 'worker' });
    traced.subscribe(subject, {
      max: 2,
      callback: (_, message) => {
        if (message.string() === 'respond') message.respond('x');
        else traced.publish(message.reply ?? '', 'x');
      },
    });
    for (const how of ['respond', 'publish']) {
      const held = headers();
      held.set('traceparent', `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`);
      held.set('baggage', 'throughline.lineage=1.5.32.1.-.-.-');
      const answer = await plain.request(subject, how, { headers: held, timeout: 10_000 });
      expect(answer.headers?.get('baggage')).toMatch(/^throughline\.lineage=1\.4\./);
      expect(traceOf(answer)).toBe('a'.repeat(32));
    }
  });

  it('respondMessage answers without the stale fields of the request', async () => {
    const subject = newSubject();
    connection.subscribe(subject, {
      max: 1,
      callback: (_, message) => {
        expect(connection.respondMessage(message)).toBe(true);
      },
    });
    const own = headers();
    own.set('Mine', 'kept');
    const answer = await connection.request(subject, 'echo', { timeout: 10_000, headers: own });
    expect(answer.string()).toBe('echo');
    expect(answer.headers?.get('Mine')).toBe('kept');
    expect(spanOf(answer)).toBe(named(`process ${subject}`)[0]?.spanContext().spanId);
  });

  it('a replier that restarts the trace tells so, and the request links it', async () => {
    const subject = newSubject();
    traceNats(plain, { inbound: 'restart-with-link' }).subscribe(subject, {
      max: 1,
      callback: (_, message) => {
        message.respond();
      },
    });
    await connection.request(subject, 'x', { timeout: 10_000 });
    const [process] = await untilNamed(`process ${subject}`);
    const [request] = named(`request ${subject}`);
    expect(process?.spanContext().traceId).not.toBe(request?.spanContext().traceId);
    expect(process?.links.map((link) => link.context.spanId)).toEqual([request?.spanContext().spanId]);
    expect(request?.links.map((link) => link.context.spanId)).toEqual([process?.spanContext().spanId]);
  });

  it('for many answers ends when they are read, or left', async () => {
    const subject = newSubject();
    for (const queue of ['a', 'b', 'c'])
      connection.subscribe(subject, { queue, callback: (_, message) => void message.respond(queue) });
    for (const noMux of [false, true]) {
      const options = Object.freeze({ strategy: 'count', maxMessages: 3, maxWait: 10_000, noMux } as const);
      const answers = await connection.requestMany(subject, 'x', { ...options });
      expect(openSpans.named('request')).toEqual([`request ${subject}`]);
      const texts: string[] = [];
      for await (const answer of answers) texts.push(answer.string());
      expect(texts.toSorted()).toEqual(['a', 'b', 'c']);
      expect(openSpans.named('request')).toEqual([]);
    }
    const left = await connection.requestMany(subject, 'x', { strategy: 'count', maxMessages: 3, maxWait: 10_000 });
    for await (const _ of left) break;
    expect(named(`request ${subject}`)).toHaveLength(3);
    expect(named(`request ${subject}`).every(({ status }) => status.code === SpanStatusCode.UNSET)).toBe(true);
    await untilNamed(`process ${subject}`, 9);
    const nobody = await connection.requestMany(newSubject('nobody'), 'x', {
      strategy: 'timer',
      maxWait: 10_000,
      noMux: true,
    });
    await expect(
      (async () => {
        for await (const _ of nobody);
      })(),
    ).rejects.toThrow('no responders');
    expect(telemetry.spans().at(-1)?.attributes['error.type']).toMatch(/NoResponders/);
  });
});

onNats('the end of a connection', () => {
  it('ends what is open, and calls fail as they do bare', async () => {
    const own = await another();
    const traced = traceNats(own);
    const subject = newSubject();
    const iterator = traced.subscribe(subject)[Symbol.asyncIterator]();
    traced.publish(subject, 'x');
    await iterator.next();
    const pending = traced.request(subject, 'x', { timeout: 60_000 }).catch((error: unknown) => error);
    const unread = await traced.requestMany(subject, 'x', { strategy: 'timer', maxWait: 60_000 });
    expect(unread).toBeDefined();
    await traced.close();
    expect(((await pending) as Error).name).toBe('RequestError');
    await expect.poll(() => openSpans.named()).toEqual([]);
    expect(named(`process ${subject}`)[0]?.attributes['error.type']).toBe('abandoned');
  });
});

onNats('wrapping', () => {
  it('twice is one wrap, the same type, and the connection stays as it is', () => {
    const traced = traceNats(plain);
    expect(traceNats(traced)).toBe(traced);
    expect(traced).toBeInstanceOf(plain.constructor);
    expect(traced.getServer()).toBe(plain.getServer());
    expect(traced.info).toEqual(plain.info);
  });

  it('a wrong option, or no connection, is told at once, with what to do', () => {
    const wrong: [NatsOptions, RegExp][] = [
      [{ subjects: 'orders.*' as never }, /`subjects` takes a list of subjects/],
      [{ subjects: ['a b'] }, /`subjects`/],
      [{ inboxPrefix: '' }, /`inboxPrefix`/],
      [{ onRefused: 7 as never }, /`onRefused` takes a function/],
      [{ handlerTimeout: -1 }, /`handlerTimeout`/],
      [{ clientId: 7 as never }, /`clientId`/],
      [{ handlerTimeOut: 7 } as never, /handlerTimeout/],
    ];
    for (const [options, message] of wrong) {
      expect(() => traceNats(plain, options)).toThrow(ThroughlineError);
      expect(() => traceNats(plain, options)).toThrow(message);
    }
    expect(() => traceNats(undefined as never)).toThrow(/takes a connection/);
  });

  it('injectHeaders and extractContext do the same by hand', async () => {
    await inSpan('caller', async () => {
      const own = headers();
      own.set('Mine', 'one');
      const written = injectHeaders(own);
      expect(own.keys()).toEqual(['Mine']);
      expect(written.keys()).toEqual(['Mine', 'traceparent', 'baggage']);
      expect(context.with(extractContext({ headers: written }), activeTrace)).toBe(activeTrace());
    });
    expect(context.with(extractContext(undefined), activeTrace)).toBeUndefined();
  });
});
