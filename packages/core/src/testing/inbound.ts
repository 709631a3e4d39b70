import assert from 'node:assert/strict';
import { context, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import type { Span } from '@opentelemetry/api';
import { suppressTracing } from '../context/opentelemetry.ts';
import { send } from '../hop/callbacks.ts';
import type { HopOptions } from '../policy/options.ts';
import {
  assertFailed,
  assertRefused,
  assertThrew,
  done,
  LINEAGE,
  OTHER_SPAN,
  OTHER_TRACE,
  seenHere,
  SPAN,
  TRACE,
  traceparent,
} from './bench.ts';
import type { Bench, Delivered, Seen } from './bench.ts';
import type { Field, FinishedSpan } from './harness.ts';
import type { Outcome } from './outcome.ts';
import type { Rule } from './rule.ts';
import { hostileFields, invalidFields, throwables, wrongValues } from './values.ts';
import { turn } from './watch.ts';

const hasSpan = ({ harness }: Bench): boolean => harness.inbound?.cannot?.span === undefined;
const hasBaggage = ({ harness }: Bench): boolean => harness.inbound?.cannot?.baggage === undefined;

/** A handle is valid as a whole or not at all. */
const isWhole = ({ harness }: Bench): boolean => harness.carrier === 'handle';

/** The names of the fields, as this carrier has them. */
const named = ({ harness }: Bench, field: string): string => (harness.carrier === 'env' ? field.toUpperCase() : field);
const fieldsOf = (bench: Bench, fields: readonly Field[]): Field[] =>
  fields.map(([name, value]): Field => [named(bench, name), value]);

const valid: Field = ['traceparent', traceparent()];
const blue: Field = ['baggage', 'tenant=blue,secret=x'];
const lineage = (member: string): Field => ['baggage', `${LINEAGE}=${member}`];

/** The span of the hop that the handler ran in. */
function hopOf(bench: Bench, seen: Seen | undefined): FinishedSpan {
  return bench.span(seen?.spanContext?.spanId);
}

/** The hop continues what was offered. */
function assertContinued(bench: Bench, seen: Seen, traceId: string = TRACE, spanId: string = SPAN): void {
  assert.equal(seen.spanContext?.traceId, traceId, 'the handler runs in the trace that was offered');
  if (!hasSpan(bench)) assert.equal(seen.spanContext?.spanId, spanId);
  else {
    const hop = hopOf(bench, seen);
    assert.equal(hop.parentSpanContext?.spanId, spanId, 'the span that was offered is the parent');
    assert(hop.kind === SpanKind.SERVER || hop.kind === SpanKind.CONSUMER, 'the hop is a SERVER or CONSUMER span');
  }
}

/** The hop starts a trace of its own, whatever was offered. */
function assertFresh(bench: Bench, seen: Seen, links: readonly string[] = []): void {
  assert.notEqual(seen.spanContext?.traceId, TRACE, 'the handler runs in another trace than the one that was offered');
  if (!hasSpan(bench)) assert.equal(seen.spanContext, undefined, 'no span is active');
  else {
    const hop = hopOf(bench, seen);
    assert.equal(hop.parentSpanContext, undefined, 'the hop is a root');
    assert.deepEqual(
      hop.links.map((link) => link.context.spanId),
      links,
      'what the hop links',
    );
  }
}

/** A failed handler shows as this transport shows it. */
export function assertFailureShown(bench: Bench, outcome: Outcome, value: unknown): void {
  const { failure } = bench.harness.inbound ?? {};
  if (failure === undefined) assertThrew(outcome, value);
  else failure.assert(outcome);
}

/** Runs `fn` in a span that has nothing to do with what arrives. */
async function inAmbient<T>(fn: (ambient: Span) => Promise<T>): Promise<T> {
  const span = trace.getTracer('contract').startSpan('ambient', {}, ROOT_CONTEXT);
  try {
    return await context.with(trace.setSpan(ROOT_CONTEXT, span), () => fn(span));
  } finally {
    span.end();
  }
}

const enforce: HopOptions = { lineage: { mode: 'enforce' } };
const pastLimits: Readonly<Record<string, string>> = {
  hops: '1.33.32.1.-.-.-',
  attempts: '1.1.32.17.-.-.-',
  deadline: `1.1.32.1.${(1_000_000_000_000).toString(36)}.-.-`,
};

export const inboundRules: readonly Rule[] = [
  {
    name: 'a context that is offered is continued, with its tracestate and baggage',
    async run(bench) {
      const fields = fieldsOf(bench, [valid, ['tracestate', 'rojo=1,congo=2'], blue]);
      const { seen, outcome } = await bench.deliver(hasBaggage(bench) ? fields : fields.slice(0, 2));
      assert.equal(outcome.failed, false, 'the delivery succeeds');
      assertContinued(bench, seen);
      assert.equal(seen.spanContext?.traceState?.serialize(), 'rojo=1,congo=2');
      if (hasBaggage(bench)) assert.deepEqual(seen.baggage, { tenant: 'blue', secret: 'x' });
      await bench.counted('inbound', 'continued');
    },
  },
  {
    name: 'where nothing is offered a trace starts',
    async run(bench) {
      const { seen } = await bench.deliver([]);
      assertFresh(bench, seen);
      assert.deepEqual(seen.baggage, {});
      await bench.counted('inbound', 'started');
    },
  },
  {
    name: 'what is not valid starts fresh, and takes no tracestate along',
    async run(bench) {
      for (const fields of invalidFields(bench.harness.carrier)) {
        const { seen, outcome } = await bench.deliver(fieldsOf(bench, [...fields, ['tracestate', 'rojo=1']]));
        assert.equal(outcome.failed, false, 'the delivery succeeds');
        assertFresh(bench, seen);
        assert.equal(seen.spanContext?.traceState, undefined, 'no tracestate without its traceparent');
      }
      await bench.counted('inbound', 'invalid');
    },
  },
  {
    name: 'what happens to be active where it arrives is never the parent',
    async run(bench) {
      const offers: Field[][] = [[], [['traceparent', '00-broken']], [valid]];
      for (const offer of offers) {
        await inAmbient(async (ambient) => {
          const { seen } = await bench.deliver(fieldsOf(bench, offer));
          assert.notEqual(seen.spanContext?.traceId, ambient.spanContext().traceId, "not in the ambient span's trace");
          if (offer[0] === valid) assertContinued(bench, seen);
          else if (hasSpan(bench)) assert.equal(hopOf(bench, seen).parentSpanContext, undefined, 'the hop is a root');
          else assert.equal(seen.spanContext, undefined);
        });
      }
    },
  },
  {
    name: 'what happens to be active where it arrives is not linked',
    needs: ['span', 'no link'],
    async run(bench) {
      for (const offer of [[], [valid]]) {
        await inAmbient(async (ambient) => {
          const { seen } = await bench.deliver(fieldsOf(bench, offer));
          const linked = hopOf(bench, seen).links.map((link) => link.context.spanId);
          assert(!linked.includes(ambient.spanContext().spanId), 'the ambient span is not linked');
        });
      }
    },
  },
  {
    name: 'names count as this carrier compares them',
    needs: ['letter case'],
    async run(bench) {
      const anyCase = bench.harness.carrier === 'http' || bench.harness.carrier === 'message';
      for (const name of ['TraceParent', 'TRACEPARENT', 'traceparent']) {
        const { seen } = await bench.deliver([[name, traceparent()]]);
        if (anyCase || name === named(bench, 'traceparent')) assertContinued(bench, seen);
        else assertFresh(bench, seen);
      }
    },
  },
  {
    name: 'a `traceparent` that comes twice counts as this carrier repeats it',
    needs: ['repeats'],
    async run(bench) {
      const twice: Field[] = [valid, ['traceparent', traceparent(OTHER_TRACE, OTHER_SPAN)]];
      const { seen } = await bench.deliver(twice);
      // Node joins headers with a comma; of message headers the last valid one counts.
      if (bench.harness.carrier === 'http') assertFresh(bench, seen);
      else {
        assertContinued(bench, seen, OTHER_TRACE, OTHER_SPAN);
        assertContinued(
          bench,
          (await bench.deliver([...twice, ['traceparent', 'broken']])).seen,
          OTHER_TRACE,
          OTHER_SPAN,
        );
      }
      const lists: Field[] = [valid, ['tracestate', 'rojo=1'], ['tracestate', 'congo=2']];
      const { seen: joined } = await bench.deliver(lists);
      assert.equal(joined.spanContext?.traceState?.serialize().replaceAll(' ', ''), 'rojo=1,congo=2');
    },
  },
  {
    name: 'a value that is no text does not count, and does no harm',
    needs: ['types'],
    async run(bench) {
      for (const value of wrongValues(bench.harness.carrier)) {
        const { seen, outcome } = await bench.deliver([
          ['traceparent', value],
          ['baggage', value],
        ]);
        assert.equal(outcome.failed, false, 'the delivery succeeds');
        assertFresh(bench, seen);
        const beside = await bench.deliver([valid, ['tracestate', value], ['baggage', value]]);
        assertContinued(bench, beside.seen);
      }
    },
  },
  {
    name: 'a hostile carrier costs what is wrong in it, and nothing else',
    async run(bench) {
      for (const fields of hostileFields(bench.harness.carrier)) {
        const { seen, outcome } = await bench.deliver(fieldsOf(bench, fields));
        assert.equal(outcome.failed, false, 'the delivery succeeds');
        if (!isWhole(bench)) assertContinued(bench, seen);
        if (hasSpan(bench)) {
          const text = JSON.stringify(hopOf(bench, seen).attributes);
          assert(text.length < 20_000, 'attributes stay small');
          // oxlint-disable-next-line no-control-regex -- what this is about
          assert.doesNotMatch(text, /\\u00[01]|\\r|\\n/, 'no control character is in an attribute');
        }
      }
      assert.equal(({} as { polluted?: unknown }).polluted, undefined, 'no prototype is polluted');
    },
  },
  {
    name: "`inbound: 'restart'` starts a trace without a link, and lets no baggage in",
    async run(bench) {
      const { seen } = await bench.deliver(fieldsOf(bench, [valid, blue]), { inbound: 'restart' });
      assertFresh(bench, seen);
      assert.deepEqual(seen.baggage, {});
      await bench.counted('inbound', 'restarted');
    },
  },
  {
    name: "`inbound: 'restart-with-link'` starts a trace that links what was offered",
    async run(bench) {
      const { seen } = await bench.deliver(fieldsOf(bench, [valid, blue]), {
        inbound: 'restart-with-link',
        answer: false,
      });
      assertFresh(bench, seen, [SPAN]);
      assert.deepEqual(seen.baggage, {});
      await bench.counted('inbound', 'restarted');
    },
  },
  {
    name: 'an `inbound` function is asked about the peer',
    async run(bench) {
      const asked: string[] = [];
      const inbound: HopOptions['inbound'] = ({ transport }) => {
        asked.push(transport);
        return 'restart';
      };
      const { seen } = await bench.deliver(fieldsOf(bench, [valid]), { inbound });
      assertFresh(bench, seen);
      assert(asked.includes(bench.harness.transport), `it is asked about a peer of '${bench.harness.transport}'`);
    },
  },
  {
    name: '`baggage.accept` decides what comes in, under a restart too',
    needs: ['baggage'],
    async run(bench) {
      const baggage = { accept: ['ten*'] };
      for (const inbound of ['continue', 'restart'] as const) {
        const { seen } = await bench.deliver(fieldsOf(bench, [valid, blue]), { inbound, baggage });
        assert.deepEqual(seen.baggage, { tenant: 'blue' });
      }
    },
  },
  {
    name: 'under suppressed tracing the handler runs, and there is no span',
    needs: ['suppression'],
    async run(bench) {
      const { outcome } = await context.with(suppressTracing(ROOT_CONTEXT), () =>
        bench.deliver(fieldsOf(bench, [valid])),
      );
      assert.equal(outcome.failed, false, 'the delivery succeeds');
      assert.deepEqual(
        bench.telemetry.spans().map(({ name }) => name),
        [],
        'there is no span',
      );
      await bench.counted('inbound', 'suppressed');
    },
  },
  {
    name: 'under `spans: false` the handler runs in the context that was offered, and there is no span',
    async run(bench) {
      const { seen } = await bench.deliver(fieldsOf(bench, [valid, blue]), { spans: false });
      assert.deepEqual([seen.spanContext?.traceId, seen.spanContext?.spanId], [TRACE, SPAN]);
      if (hasBaggage(bench)) assert.deepEqual(seen.baggage, { tenant: 'blue', secret: 'x' });
      assert.deepEqual(
        bench.telemetry.spans().map(({ name }) => name),
        [],
        'there is no span',
      );
    },
  },
  {
    name: 'wrapped twice it is one hop',
    needs: ['span', 'twice'],
    async run(bench) {
      const { seen } = await bench.deliver([valid], {}, undefined, true);
      assertContinued(bench, seen);
      const hops = bench.telemetry.spans().filter((span) => span.spanContext().traceId === TRACE);
      assert.equal(hops.length, 1, 'there is one span');
    },
  },
  {
    name: 'what the handler returns comes out: at once, by a promise, by a thenable; and the span ends with it',
    needs: ['results', 'span'],
    async run(bench) {
      const value = { mine: true };
      const now = await bench.deliver([valid], {}, () => value);
      assert.deepEqual([now.outcome.value === value, now.outcome.atOnce], [true, true], 'a value comes out at once');
      hopOf(bench, now.seen);
      // oxlint-disable-next-line unicorn/no-thenable -- what this is about
      const thenable = { then: (resolve: (given: unknown) => void) => resolve(value) };
      const soon = await bench.deliver([valid], {}, () => thenable);
      assert.equal(soon.outcome.value, value, 'what a thenable resolves with comes out');
      hopOf(bench, soon.seen);

      let resolve: (given: unknown) => void = () => {};
      const waits = new Promise((given) => (resolve = given));
      await bench.receiver({ twice: false }, async (deliver) => {
        let begin = (): void => {};
        const began = new Promise<void>((given) => (begin = given));
        const delivered = deliver([valid], () => {
          begin();
          return waits;
        });
        await began;
        await turn();
        assert.deepEqual(bench.telemetry.spans(), [], 'the span is open while the promise is');
        resolve(value);
        const { outcome, runs } = await delivered;
        assert.equal(outcome.value, value, 'what a promise resolves with comes out');
        hopOf(bench, runs[0]);
      });
    },
  },
  {
    name: 'what a span says of baggage from outside hides nothing',
    needs: ['span', 'baggage'],
    async run(bench) {
      const baggage: Field = ['baggage', 'session.id=a%E2%80%AE%E2%80%8Bb%0D%0Ac%F3%A0%81%A1'];
      const { seen } = await bench.deliver(fieldsOf(bench, [valid, baggage]));
      const shown = 'a\\u{202e}\\u{200b}b\\u{d}\\u{a}c\\u{e0061}';
      assert.equal(hopOf(bench, seen).attributes['session.id'], shown);
    },
  },
  ...throwables().map(({ what, value, errorType }): Rule => ({
    name: `a handler that fails with ${what}: the same value comes out, and the span is an error`,
    needs: ['failures'],
    async run(bench) {
      const ways: Record<string, () => unknown> = {
        throws: () => {
          throw value;
        },
        rejects: () => Promise.reject(value),
      };
      for (const [way, handle] of Object.entries(ways)) {
        const { outcome, runs } = await bench.receiver({ twice: false }, (deliver) => deliver([valid], handle));
        assertFailureShown(bench, outcome, value);
        if (!hasSpan(bench)) continue;
        try {
          // A library may hand a failed message over again; each handling is a hop.
          assertFailed(hopOf(bench, runs[0]), bench.harness.inbound?.failure?.errorType ?? errorType);
        } catch (error) {
          throw new assert.AssertionError({ message: `it ${way}: ${(error as Error).message}` });
        }
      }
    },
  })),
  {
    name: 'the handler is where its chain says that it is',
    async run(bench) {
      const { seen } = await bench.deliver(fieldsOf(bench, [valid, lineage('1.4.32.1.-.-.-')]));
      assert.equal(seen.hops, 4);
    },
  },
  {
    name: 'a deadline that somebody sent is an hour away at the most',
    async run(bench) {
      const days23 = (Date.now() + 23 * 86_400_000).toString(36);
      const { seen } = await bench.deliver(fieldsOf(bench, [valid, lineage(`1.4.32.1.${days23}.-.-`)]));
      // That of a batch is each message's own.
      assert((seen.deadline ?? 0) <= Date.now() + 3_600_000);
    },
  },
  ...Object.entries(pastLimits).map(([limit, member]): Rule => ({
    name: `past the limit of ${limit}, under enforce, it is refused in the transport's own terms before any work`,
    needs: ['refusal'],
    async run(bench) {
      const fields = fieldsOf(bench, [valid, lineage(member)]);
      const refused: Delivered = await bench.receiver({ options: enforce, twice: false }, (deliver) => deliver(fields));
      assert.equal(refused.runs.length, 0, 'the handler does not run');
      (bench.harness.inbound?.refused ?? assertRefused)(refused.outcome);
      if (hasSpan(bench)) {
        const [hop] = bench.telemetry.spans().filter((span) => span.parentSpanContext?.spanId === SPAN);
        assert(hop, 'the refused hop has a span');
        assertFailed(hop);
      }
      await bench.counted('inbound', 'refused');
      const { outcome } = await bench.deliver(fields);
      assert.equal(outcome.failed, false, 'where lineage is observed the handler runs');
    },
  })),
  {
    name: 'a lineage member of more than 200 bytes does not exist',
    async run(bench) {
      const { seen } = await bench.deliver(
        fieldsOf(bench, [valid, lineage(`1.${'9'.repeat(300)}.32.1.-.-.-`)]),
        enforce,
      );
      if (!isWhole(bench)) assertContinued(bench, seen);
      assert((seen.hops ?? 0) <= 1, 'it says nothing of the chain');
    },
  },
  {
    name: 'receipts: the span says how many calls were made under it',
    needs: ['span'],
    async run(bench) {
      for (const calls of [0, 3]) {
        const { seen } = await bench.deliver(fieldsOf(bench, [valid]), {}, () => {
          for (let call = 0; call < calls; call++) {
            const target = { transport: 'contract', channel: 'memory' } as const;
            send({ transport: 'contract', name: 'call', kind: SpanKind.CLIENT, target }, () => {});
          }
          return done;
        });
        assert.equal(hopOf(bench, seen).attributes['throughline.calls'], calls);
      }
    },
  },
  {
    name: 'a hundred arrivals at once: each handler runs in its own trace, to its end',
    async run(bench) {
      const ids = Array.from({ length: 100 }, (_, at) => (at + 1).toString(16).padStart(32, 'a'));
      await bench.receiver({ twice: false }, async (deliver) => {
        const all = await Promise.all(
          ids.map(async (traceId) => {
            let later: Seen | undefined;
            const { runs } = await deliver(fieldsOf(bench, [['traceparent', traceparent(traceId)]]), async () => {
              await turn();
              later = seenHere();
              return done;
            });
            return { traceId, seen: runs[0], later, runs: runs.length };
          }),
        );
        for (const { traceId, seen, later, runs } of all) {
          assert.equal(runs, 1, 'each handler runs once');
          assert.equal(seen?.spanContext?.traceId, traceId, 'the handler begins in its own trace');
          assert.equal(later?.spanContext?.traceId, traceId, 'the handler ends in its own trace');
          if (hasSpan(bench)) assert.equal(hopOf(bench, seen).parentSpanContext?.spanId, SPAN);
        }
      });
    },
  },
];
