import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { currentLineage, withAttempt, withDeadline } from '@throughline/core';
import type { LineageError } from '@throughline/core';
import type { Job, JobsOptions } from 'bullmq';
import { describe, expect, it } from 'vitest';
import { traceBullMQ, tracedFlow, tracedProcessor } from '../src/index.ts';
import {
  closing,
  connection,
  ended,
  idOf,
  inSpan,
  linksOf,
  majors,
  named,
  newName,
  onRedis,
  telemetry,
  traceOf,
} from './on-redis.ts';

const metadataOf = (job: { opts: JobsOptions }): Record<string, string> =>
  JSON.parse(job.opts.telemetry?.metadata ?? '{}') as Record<string, string>;

onRedis('queues and workers', () => {
  describe.each(majors)('$major', ({ bullmq: { Queue, Worker, FlowProducer, DelayedError } }) => {
    it('a job is handled as a child of the span that sent it, and links it', async () => {
      const name = newName();
      const options = { connection: connection(), telemetry: traceBullMQ() };
      const queue = closing(new Queue(name, options));
      let seen: unknown;
      closing(
        new Worker(
          name,
          async () => {
            seen = propagation.getBaggage(context.active())?.getEntry('tenant')?.value;
            await inSpan('work', async () => {});
          },
          options,
        ),
      );
      const baggage = propagation.createBaggage({ tenant: { value: 'blue' } });
      const job = await context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () =>
        inSpan('caller', () => queue.add('paint', { wall: 1 })),
      );
      const [process] = await ended(`process ${name}`);
      const [send] = named(`send ${name}`);
      const [caller] = named('caller');
      const [work] = named('work');
      expect(send?.parentSpanContext?.spanId).toBe(idOf(caller));
      expect(process?.parentSpanContext?.spanId).toBe(idOf(send));
      expect(linksOf(process)).toEqual([idOf(send)]);
      expect(work?.parentSpanContext?.spanId).toBe(idOf(process));
      expect(seen).toBe('blue');
      expect([send?.kind, process?.kind]).toEqual([SpanKind.PRODUCER, SpanKind.CONSUMER]);
      expect(send?.attributes).toEqual({
        'messaging.system': 'bullmq',
        'messaging.operation.name': 'send',
        'messaging.operation.type': 'send',
        'messaging.destination.name': name,
        'messaging.message.id': job.id,
        'bullmq.job.name': 'paint',
      });
      expect(process?.attributes).toMatchObject({
        'messaging.operation.type': 'process',
        'messaging.destination.name': name,
        'messaging.message.id': job.id,
        'bullmq.job.name': 'paint',
      });
      expect(Object.keys(metadataOf(job))).toEqual(['traceparent', 'baggage']);
      // Nothing else of BullMQ's has a span.
      expect(
        telemetry
          .spans()
          .map((span) => span.name)
          .toSorted(),
      ).toEqual(['caller', `process ${name}`, `send ${name}`, 'work'].toSorted());
    });

    it.each([
      ['a processor', (processor: () => Promise<void>) => processor],
      ['a traced processor', (processor: () => Promise<void>) => tracedProcessor(processor)],
    ])('%s: a job with the id of one that is gone, and was to be tried again, is in its own trace', async (_, wrap) => {
      const name = newName();
      const options = { connection: connection(), telemetry: traceBullMQ() };
      const queue = closing(new Queue(name, options));
      let fails = true;
      const processor = wrap(async () => {
        if (fails) throw new Error('not yet');
      });
      const worker = closing(new Worker(name, processor, options));
      const failed = new Promise((resolve) => worker.once('failed', resolve));
      const patient: JobsOptions = { jobId: 'one', attempts: 2, backoff: { type: 'fixed', delay: 600_000 } };
      await inSpan('first', () => queue.add('paint', {}, patient));
      await failed;
      await ended(`process ${name}`);
      fails = false;
      await queue.remove('one');
      await inSpan('second', () => queue.add('paint', {}, { jobId: 'one' }));
      const [, process] = await ended(`process ${name}`, 2);
      expect(traceOf(process)).toBe(traceOf(named('second')[0]));
      expect(process?.attributes['throughline.lineage.attempt']).toBeUndefined();
    });

    it('a job with the id of one that is gone, and had put itself back, is in its own trace', async () => {
      const name = newName();
      const options = { connection: connection(), telemetry: traceBullMQ() };
      const queue = closing(new Queue(name, options));
      let putsBack = true;
      closing(
        new Worker(
          name,
          tracedProcessor(async (job: Job, token?: string) => {
            if (!putsBack) return;
            putsBack = false;
            await job.moveToDelayed(Date.now() + 600_000, token);
            throw new DelayedError();
          }),
          options,
        ),
      );
      await inSpan('first', () => queue.add('paint', {}, { jobId: 'one' }));
      await ended(`process ${name}`);
      await queue.remove('one');
      await inSpan('second', () => queue.add('paint', {}, { jobId: 'one' }));
      const [, process] = await ended(`process ${name}`, 2);
      expect(traceOf(process)).toBe(traceOf(named('second')[0]));
    });

    it('jobs that are added at once are sent in one span, and each carries it', async () => {
      const name = newName();
      const options = { connection: connection(), telemetry: traceBullMQ() };
      const queue = closing(new Queue(name, options));
      closing(new Worker(name, async () => {}, options));
      await queue.addBulk([1, 2, 3].map((n) => ({ name: 'paint', data: { n } })));
      const processes = await ended(`process ${name}`, 3);
      const [send, ...others] = named(`send ${name}`);
      expect(others).toEqual([]);
      expect(send?.attributes['messaging.batch.message_count']).toBe(3);
      for (const process of processes) expect(process.parentSpanContext?.spanId).toBe(idOf(send));
    });

    it('a flow is sent in one span, in which each job is created; all its jobs are in one trace', async () => {
      const [parents, children] = [newName(), newName()];
      const options = { connection: connection(), telemetry: traceBullMQ() };
      const flows = closing(new FlowProducer(options));
      closing(new Worker(children, async () => 1, options));
      closing(new Worker(parents, async () => 2, options));
      const child = { name: 'child', queueName: children };
      await inSpan('caller', () =>
        flows.add(tracedFlow({ name: 'parent', queueName: parents, children: [child, child] })),
      );
      const [parent] = await ended(`process ${parents}`);
      const processed = await ended(`process ${children}`, 2);
      const [caller] = named('caller');
      const [send] = named(`send ${parents}`);
      const [created] = named(`create ${parents}`);
      expect(send?.kind).toBe(SpanKind.CLIENT);
      expect(send?.parentSpanContext?.spanId).toBe(idOf(caller));
      expect(created?.parentSpanContext?.spanId).toBe(idOf(send));
      expect(parent?.parentSpanContext?.spanId).toBe(idOf(created));
      const ids = named(`create ${children}`).map(idOf);
      expect(named(`create ${children}`).map((span) => span.parentSpanContext?.spanId)).toEqual([
        idOf(created),
        idOf(created),
      ]);
      expect(new Set(processed.map((span) => span.parentSpanContext?.spanId))).toEqual(new Set(ids));
      expect(new Set(telemetry.spans().map(traceOf)).size).toBe(1);
    });

    it.each([{ traced: true }, { traced: false }])(
      'attempts of a job have one parent, and say which they are (traced processor: $traced)',
      async ({ traced }) => {
        const name = newName();
        const options = { connection: connection(), telemetry: traceBullMQ() };
        const queue = closing(new Queue(name, options));
        const attempts: unknown[] = [];
        const process = async (job: Job): Promise<void> => {
          attempts.push(currentLineage()?.attempt);
          if (job.attemptsMade < 2) throw new TypeError('not yet');
        };
        closing(new Worker(name, traced ? tracedProcessor(process) : process, options));
        await inSpan('caller', () => withAttempt(2, () => queue.add('paint', {}, { attempts: 3, backoff: 1 })));
        const processes = await ended(`process ${name}`, 3);
        const [send] = named(`send ${name}`);
        expect(attempts).toEqual([2, 4, 6]);
        expect(processes.map((span) => span.parentSpanContext?.spanId)).toEqual([idOf(send), idOf(send), idOf(send)]);
        expect(processes.map((span) => span.status.code)).toEqual([
          SpanStatusCode.ERROR,
          SpanStatusCode.ERROR,
          SpanStatusCode.UNSET,
        ]);
        expect(processes[0]?.attributes['error.type']).toBe(traced ? 'TypeError' : '_OTHER');
      },
    );

    it('attempts of a job that nobody traced go on below the first', async () => {
      const name = newName();
      const queue = closing(new Queue(name, { connection: connection() }));
      closing(
        new Worker(
          name,
          tracedProcessor(async (job: Job) => {
            if (job.attemptsMade === 0) throw new Error('not yet');
          }),
          { connection: connection(), telemetry: traceBullMQ() },
        ),
      );
      await queue.add('paint', {}, { attempts: 2 });
      const [first, second] = await ended(`process ${name}`, 2);
      expect(first?.parentSpanContext).toBeUndefined();
      expect(second?.parentSpanContext?.spanId).toBe(idOf(first));
    });

    it.each([{ shared: true }, { shared: false }])(
      'each repetition of a schedule is a trace of its own, which links the schedule (one telemetry for both ends: $shared)',
      async ({ shared }) => {
        const name = newName();
        const enforce = { lineage: { mode: 'enforce', maxHops: 1 } } as const;
        const telemetryOf = shared
          ? (
              (one) => () =>
                one
            )(traceBullMQ(enforce))
          : () => traceBullMQ(enforce);
        const queue = closing(new Queue(name, { connection: connection(), telemetry: telemetryOf() }));
        // Made in a span, which its loop then runs in.
        await inSpan('start', async () => {
          closing(
            new Worker(
              name,
              tracedProcessor(async () => {}),
              { connection: connection(), telemetry: telemetryOf() },
            ),
          );
          await queue.upsertJobScheduler('tick', { every: 200 }, { name: 'tick' });
        });
        const processes = await ended(`process ${name}`, 4);
        await queue.removeJobScheduler('tick');
        const [send, ...others] = named(`send ${name}`);
        expect(others).toEqual([]);
        expect(new Set(processes.map(traceOf)).size).toBe(processes.length);
        for (const process of processes) {
          expect(process.parentSpanContext).toBeUndefined();
          expect(linksOf(process)).toEqual([idOf(send)]);
        }
      },
    );

    it.each([{ traced: true }, { traced: false }])(
      'a schedule goes on beside jobs that are too deep, delay themselves or fail, under enforce (traced processor: $traced)',
      async ({ traced }) => {
        const name = newName();
        const limits = { lineage: { mode: 'enforce', maxHops: 2 } } as const;
        const options = { connection: connection(), telemetry: traceBullMQ(limits) };
        const plain = closing(new Queue(name, { connection: connection() }));
        const queue = closing(new Queue(name, options));
        const errors: unknown[] = [];
        const process = async (job: Job, token?: string): Promise<void> => {
          if (job.name === 'failing') throw new Error('always');
          if (job.name !== 'polling' || job.attemptsStarted > 3) return;
          await job.moveToDelayed(Date.now() + 20, token);
          throw new DelayedError();
        };
        const worker = closing(new Worker(name, traced ? tracedProcessor(process) : process, options));
        worker.on('error', (error) => errors.push(error));
        const deep = JSON.stringify({
          traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`,
          baggage: 'throughline.lineage=1.2.32.1.-.-.-',
        });
        await inSpan('caller', () => queue.upsertJobScheduler('tick', { every: 100 }, { name: 'tick' }));
        for (let round = 0; round < 5; round++) {
          for (const job of ['failing', 'polling', 'deep', 'deeper']) {
            const metadata = job === 'deeper' ? deep.replace('1.2.', '1.9.') : deep;
            await plain.add(job, {}, { telemetry: { metadata } });
          }
          const ticks = named(`process ${name}`).filter((span) => span.attributes['bullmq.job.name'] === 'tick').length;
          await expect
            .poll(() => named(`process ${name}`).filter((span) => span.attributes['bullmq.job.name'] === 'tick').length)
            .toBeGreaterThan(ticks);
        }
        await queue.removeJobScheduler('tick');
        expect(errors).toEqual([]);
        const ticks = named(`process ${name}`).filter((span) => span.attributes['bullmq.job.name'] === 'tick');
        expect(new Set(ticks.map(traceOf)).size).toBe(ticks.length);
        expect(named(`send ${name}`)).toHaveLength(1);
      },
    );

    it('a schedule that was made under a deadline outlives it', async () => {
      const name = newName();
      const options = { connection: connection(), telemetry: traceBullMQ({ lineage: { mode: 'enforce' } }) };
      const queue = closing(new Queue(name, options));
      let runs = 0;
      closing(
        new Worker(
          name,
          tracedProcessor(async () => void runs++),
          options,
        ),
      );
      await withDeadline(250, () => queue.upsertJobScheduler('tick', { every: 100 }));
      await expect.poll(() => runs).toBeGreaterThan(5);
      await queue.removeJobScheduler('tick');
    });

    it.each([{ traced: true }, { traced: false }])(
      'a job that delays itself begins a new trace each time (traced processor: $traced)',
      async ({ traced }) => {
        const name = newName();
        const options = { connection: connection(), telemetry: traceBullMQ() };
        const queue = closing(new Queue(name, options));
        let runs = 0;
        const process = async (job: Job, token?: string): Promise<void> => {
          if (++runs >= 4) return;
          await job.moveToDelayed(Date.now() + 50, token);
          throw new DelayedError();
        };
        closing(new Worker(name, traced ? tracedProcessor(process) : process, options));
        await inSpan('caller', () => queue.add('poll', {}));
        const processes = await ended(`process ${name}`, 4);
        const [send] = named(`send ${name}`);
        expect(processes[0]?.parentSpanContext?.spanId).toBe(idOf(send));
        expect(new Set(processes.map(traceOf)).size).toBe(4);
        for (const process of processes) {
          expect(linksOf(process)).toEqual([idOf(send)]);
          expect(process.status.code).toBe(SpanStatusCode.UNSET);
        }
      },
    );

    it('a delayed job stays in its trace, and says how long it waited past its delay', async () => {
      const name = newName();
      const options = { connection: connection(), telemetry: traceBullMQ() };
      const queue = closing(new Queue(name, options));
      closing(
        new Worker(
          name,
          tracedProcessor(async () => {}),
          options,
        ),
      );
      await inSpan('caller', () => queue.add('paint', {}, { delay: 300 }));
      const [process] = await ended(`process ${name}`);
      expect(traceOf(process)).toBe(traceOf(named('caller')[0]));
      expect(process?.attributes['throughline.queue.duration']).toBeLessThan(0.3);
    });

    it('`omitContext` is kept: the job begins a trace', async () => {
      const name = newName();
      const options = { connection: connection(), telemetry: traceBullMQ() };
      const queue = closing(new Queue(name, options));
      closing(
        new Worker(
          name,
          tracedProcessor(async (job: Job) => {
            if (job.attemptsMade === 0) throw new Error('not yet');
          }),
          options,
        ),
      );
      const job = await queue.add('paint', {}, { attempts: 2, telemetry: { omitContext: true } });
      expect(job.opts.telemetry?.metadata).toBeUndefined();
      const [first, second] = await ended(`process ${name}`, 2);
      expect(first?.parentSpanContext).toBeUndefined();
      expect(second?.parentSpanContext?.spanId).toBe(idOf(first));
    });

    it('a job whose chain is too deep fails once, and is not tried again; the next is handled', async () => {
      const name = newName();
      const enforce = { lineage: { mode: 'enforce', maxHops: 2 } } as const;
      const queue = closing(new Queue(name, { connection: connection() }));
      let runs = 0;
      const worker = closing(
        new Worker(
          name,
          tracedProcessor(async () => void runs++),
          {
            connection: connection(),
            telemetry: traceBullMQ(enforce),
          },
        ),
      );
      const metadata = JSON.stringify({
        traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`,
        baggage: 'throughline.lineage=1.3.32.1.-.-.-',
      });
      const failed = new Promise<Error>((resolve) => worker.on('failed', (_job, error) => resolve(error)));
      const job = await queue.add('deep', {}, { attempts: 5, telemetry: { metadata } });
      expect(await failed).toMatchObject({
        name: 'UnrecoverableError',
        code: 'ERR_THROUGHLINE_REFUSED',
        reason: 'hops',
      });
      expect(await job.getState()).toBe('failed');
      await queue.add('shallow', {});
      await ended(`process ${name}`, 2);
      expect(runs).toBe(1);
    });

    it('`onRefused` handles a job whose chain is too deep in place of the processor', async () => {
      const name = newName();
      const seen: unknown[] = [];
      const queue = closing(new Queue(name, { connection: connection() }));
      const worker = closing(
        new Worker(
          name,
          tracedProcessor(async () => void seen.push('ran')),
          {
            connection: connection(),
            telemetry: traceBullMQ({
              lineage: { mode: 'enforce', maxHops: 2 },
              onRefused: ({ refused }, job) => {
                seen.push([refused, job.name]);
                return 'parked';
              },
            }),
          },
        ),
      );
      const completed = new Promise((resolve) => worker.on('completed', (_job, value) => resolve(value)));
      const metadata = JSON.stringify({ baggage: 'throughline.lineage=1.3.32.1.-.-.-' });
      await queue.add('deep', {}, { telemetry: { metadata } });
      expect(await completed).toBe('parked');
      expect(seen).toEqual([['hops', 'deep']]);
    });

    it('an add that is refused rejects with the LineageError, and adds nothing', async () => {
      const name = newName();
      const queue = closing(
        new Queue(name, {
          connection: connection(),
          telemetry: traceBullMQ({ lineage: { mode: 'enforce', maxAttempts: 1 } }),
        }),
      );
      await withAttempt(2, async () => {
        const refused = { code: 'ERR_THROUGHLINE_REFUSED', reason: 'attempts' };
        await expect(queue.add('paint', {})).rejects.toMatchObject(refused);
        await expect(queue.addBulk([{ name: 'paint', data: {} }])).rejects.toMatchObject(refused);
        await expect(queue.upsertJobScheduler('tick', { every: 1000 })).rejects.toMatchObject(refused);
      });
      expect(await queue.getJobCountByTypes()).toBe(0);
    });

    it.each([{ reply: true }, { reply: undefined }])(
      'what a telemetry of answers adds is no step deeper in the chain (reply: $reply)',
      async ({ reply }) => {
        const [tasks, results] = [newName(), newName()];
        const options = { connection: connection(), telemetry: traceBullMQ({ agent: 'desk' }) };
        const answering = { connection: connection(), telemetry: traceBullMQ({ agent: 'analyst', reply }) };
        const questions = closing(new Queue(tasks, options));
        const answers = closing(new Queue(results, answering));
        const flows = closing(new FlowProducer(answering));
        const hops: Record<string, unknown> = {};
        const seen = async (job: Job): Promise<void> => void (hops[job.name] = currentLineage()?.hops);
        closing(new Worker(results, tracedProcessor(seen), options));
        const answer = async (job: Job): Promise<void> => {
          await seen(job);
          await answers.add('one', {});
          await answers.addBulk([{ name: 'many', data: {} }]);
          const child = { name: 'child', queueName: results };
          await flows.add(tracedFlow({ name: 'parent', queueName: results, children: [child] }));
        };
        closing(new Worker(tasks, tracedProcessor(answer), options));
        await questions.add('question', {});
        await ended(`process ${results}`, 4);
        const there = reply === true ? 0 : 2;
        expect(hops).toEqual({ question: 1, one: there, many: there, child: there, parent: there });
      },
    );

    it('an answer is not refused where a question would be', async () => {
      const [tasks, results] = [newName(), newName()];
      const lineage = { mode: 'enforce', maxHops: 1 } as const;
      const options = { connection: connection(), telemetry: traceBullMQ({ lineage }) };
      const questions = closing(new Queue(tasks, options));
      const answers = closing(
        new Queue(results, { connection: connection(), telemetry: traceBullMQ({ lineage, reply: true }) }),
      );
      const outcomes: unknown[] = [];
      const answer = async (): Promise<void> => {
        for (const queue of [answers, questions]) {
          await queue.add('next', {}).then(
            () => outcomes.push('added'),
            (error: unknown) => outcomes.push((error as LineageError).reason),
          );
        }
      };
      closing(new Worker(tasks, tracedProcessor(answer), options));
      await questions.add('question', {});
      await ended(`process ${tasks}`);
      expect(outcomes).toEqual(['added', 'hops']);
    });

    it('`reply` is a boolean', () => {
      expect(() => traceBullMQ({ reply: 'yes' as never })).toThrow(/reply/);
    });

    it('a handler that never returns: its span ends at the limit, or when the worker is closed by force', async () => {
      const name = newName();
      const queue = closing(new Queue(name, { connection: connection(), telemetry: traceBullMQ() }));
      let begin = (): void => {};
      const began = new Promise<void>((resolve) => (begin = resolve));
      const worker = (handlerTimeout?: number) => {
        const never = (): Promise<void> => {
          if (handlerTimeout === undefined) begin();
          return new Promise(() => {});
        };
        const made = new Worker(name, never, {
          connection: connection(),
          telemetry: traceBullMQ({ handlerTimeout }),
        });
        made.on('error', () => {});
        return made;
      };
      const limited = worker(50);
      await queue.add('stuck', {});
      expect((await ended(`process ${name}`))[0]?.attributes['error.type']).toBe('handler_timeout');
      await limited.close(true);
      await telemetry.reset();
      const forced = worker();
      await queue.add('stuck', {});
      await began;
      await forced.close(true);
      expect((await ended(`process ${name}`))[0]?.attributes['error.type']).toBe('abandoned');
    });

    it('without a context manager a job has one span', async () => {
      const name = newName();
      const options = { connection: connection(), telemetry: traceBullMQ() };
      const queue = closing(new Queue(name, options));
      const worker = closing(
        new Worker(
          name,
          tracedProcessor(async () => {}),
          { ...options, autorun: false },
        ),
      );
      const manager = (context as unknown as { _getContextManager(): object })._getContextManager();
      context.disable();
      try {
        void worker.run();
        await queue.add('paint', {});
        await ended(`process ${name}`);
        await worker.close();
        expect(named(`process ${name}`)).toHaveLength(1);
        expect(named(`process ${name}`)[0]?.parentSpanContext?.spanId).toBe(idOf(named(`send ${name}`)[0]));
      } finally {
        context.setGlobalContextManager(manager as never);
      }
    });

    it('internal spans are there where they are asked for', async () => {
      const name = newName();
      const queue = closing(
        new Queue(name, { connection: connection(), telemetry: traceBullMQ({ internalSpans: true }) }),
      );
      await inSpan('caller', () => queue.pause());
      expect(named(`pause ${name}`)[0]?.parentSpanContext?.spanId).toBe(idOf(named('caller')[0]));
      expect(trace.getActiveSpan()).toBeUndefined();
    });
  });
});
