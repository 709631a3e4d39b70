import assert from 'node:assert/strict';
import { context, createTraceState, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import type { TextMapPropagator } from '@opentelemetry/api';
import { messageHeaders } from '../carrier/read.ts';
import { receive } from '../hop/callbacks.ts';
import { spendBudget } from '../hop/spending.ts';
import { currentLineage } from '../lineage/api.ts';
import { agentHash } from '../lineage/codec.ts';
import type { HopOptions } from '../policy/options.ts';
import { hopSettings } from '../policy/settings.ts';
import {
  assertFailed,
  assertRefused,
  assertThrew,
  baggageOf,
  idsOf,
  inCaller,
  LINEAGE,
  OTHER_SPAN,
  OTHER_TRACE,
  remoteContext,
  SPAN,
  traceparent,
  valueOf,
  valuesOf,
  withBaggage,
} from './bench.ts';
import type { Bench } from './bench.ts';
import type { Call, Field } from './harness.ts';
import { deepFreeze } from './outcome.ts';
import type { Outcome } from './outcome.ts';
import type { Rule } from './rule.ts';
import { throwables, wrongValues } from './values.ts';
import { turn } from './watch.ts';

/** Whether this adapter's outbound hops have spans. */
const hasSpan = ({ harness }: Bench): boolean => harness.outbound?.cannot?.span === undefined;
const hasBaggage = ({ harness }: Bench): boolean => harness.outbound?.cannot?.baggage === undefined;
const hasFields = ({ harness }: Bench): boolean => harness.outbound?.cannot?.fields === undefined;

const blue = { tenant: 'blue', secret: 'x' };
const inBlue = () => withBaggage(ROOT_CONTEXT, blue);

/** Fields of some older hop, under names in every letter case. */
const stale = {
  TraceParent: traceparent(OTHER_TRACE, OTHER_SPAN),
  traceparent: traceparent(OTHER_TRACE, SPAN),
  TRACESTATE: 'old=1',
  Baggage: 'old=1',
  mine: 'stays',
};

/** Each of the three fields is there at most once, by its own name. */
function assertOneOfEach(bench: Bench, wire: readonly Field[] | undefined): void {
  for (const field of ['traceparent', 'tracestate', 'baggage']) {
    const names = (wire ?? []).map(([name]) => name).filter((name) => name.toLowerCase() === field);
    assert(names.length <= 1, `at most one \`${field}\` is on the wire; there are ${names.join(', ')}`);
    const own = bench.harness.carrier === 'env' ? field.toUpperCase() : field;
    if (names.length === 1) assert.equal(names[0], own, `the name of \`${field}\` on the wire`);
  }
}

/** No field of a trace is on the wire. */
function assertNoFields(wire: readonly Field[] | undefined): void {
  for (const field of ['traceparent', 'tracestate', 'baggage']) {
    assert.deepEqual(valuesOf(wire, field), [], `no \`${field}\` is on the wire`);
  }
}

/** Runs `fn` in an inbound hop whose chain stands where this member says. */
async function inChain<T>(member: string, fn: () => Promise<T>, agent?: string): Promise<T> {
  const carrier = { traceparent: traceparent(), baggage: `${LINEAGE}=${member}` };
  const hop = { transport: 'contract', name: 'work', kind: SpanKind.CONSUMER, carrier, reader: messageHeaders };
  return receive(hop, fn, hopSettings({ agent }, { name: 'contract', version: '1.0.0' }));
}

/** The lineage members on the wire. */
function lineageOf(wire: readonly Field[] | undefined): string[] {
  const members = valuesOf(wire, 'baggage').flatMap((value) => String(value).split(','));
  return members.filter((member) => member.startsWith(`${LINEAGE}=`)).map((member) => member.slice(LINEAGE.length + 1));
}

export function assertOutboundRefused(bench: Bench, outcome: Outcome): void {
  (bench.harness.outbound?.refused ?? assertRefused)(outcome);
}

const pastLimits: Readonly<Record<string, string>> = {
  hops: '1.32.32.1.-.-.-',
  attempts: '1.1.32.17.-.-.-',
  deadline: `1.1.32.1.${(1_000_000_000_000).toString(36)}.-.-`,
  budget: '1.1.32.1.-.0.-',
  tokens: '2.1.32.1.-.-.-.0.-',
  cost: '2.1.32.1.-.-.-.-.0',
};
const enforce: HopOptions = { lineage: { mode: 'enforce' } };

/** A propagator of a format of its own. */
const theirs: TextMapPropagator = {
  fields: () => ['X-Theirs'],
  extract: (received) => received,
  inject(sent, carrier, setter) {
    if (trace.getSpanContext(sent) !== undefined) setter.set(carrier, 'x-theirs', 'new');
  },
};

export const outboundRules: readonly Rule[] = [
  {
    name: 'the span that is active is the parent, and the wire names a span that was started',
    async run(bench) {
      const { caller, wire, outcome } = await bench.send();
      assert.equal(outcome.failed, false, 'the call succeeds');
      assertOneOfEach(bench, wire);
      const { traceId, spanId } = idsOf(wire);
      assert.equal(traceId, caller.spanContext().traceId, "the caller's trace is on the wire");
      if (!hasSpan(bench)) assert.equal(spanId, caller.spanContext().spanId, "the caller's span is on the wire");
      else {
        const hop = bench.hopOf(caller);
        assert.equal(spanId, hop.spanContext().spanId, "the hop's own span is on the wire");
        assert(hop.kind === SpanKind.CLIENT || hop.kind === SpanKind.PRODUCER, 'the hop is a CLIENT or PRODUCER span');
      }
      await bench.counted('outbound', 'continued');
    },
  },
  {
    name: 'with no span active a trace starts, below nothing',
    needs: ['span'],
    async run(bench) {
      const { wire } = await bench.sender({ twice: false }, (send) => context.with(ROOT_CONTEXT, () => send()));
      const { spanId } = idsOf(wire);
      assert.equal(bench.span(spanId).parentSpanContext, undefined, 'the hop is a root');
      await bench.counted('outbound', 'started');
    },
  },
  {
    name: 'tracestate goes on as the same bytes, and an empty one not at all',
    async run(bench) {
      const traceState = createTraceState('rojo=00f067aa0ba902b7,congo=t61rcWkgMzE');
      const { wire } = await bench.send({}, {}, { within: remoteContext({ traceState }) });
      assert.equal(valueOf(wire, 'tracestate'), 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE');
      assert.deepEqual(valuesOf((await bench.send()).wire, 'tracestate'), [], 'no empty tracestate');
    },
  },
  {
    name: 'older fields go first, in every letter case, and what else the carrier holds stays',
    needs: ['fields'],
    async run(bench) {
      const { caller, wire } = await bench.send({}, { fields: stale });
      assertOneOfEach(bench, wire);
      assert.equal(idsOf(wire).traceId, caller.spanContext().traceId);
      assert.deepEqual(valuesOf(wire, 'tracestate'), [], 'no stale tracestate beside a new traceparent');
      assert(!JSON.stringify(wire).includes('old=1'), 'nothing stale is on the wire');
      assert.deepEqual(valuesOf(wire, 'mine').map(String), ['stays']);
    },
  },
  {
    name: "under `existing: 'keep'` a valid context in the carrier stays, and one that is not valid goes",
    needs: ['fields'],
    async run(bench) {
      const name = bench.harness.carrier === 'env' ? 'TRACEPARENT' : 'traceparent';
      const keep: HopOptions = { existing: 'keep' };
      const kept = await bench.send(keep, { fields: { [name]: traceparent(OTHER_TRACE, OTHER_SPAN) } });
      assert.equal(valueOf(kept.wire, 'traceparent'), traceparent(OTHER_TRACE, OTHER_SPAN));
      const replaced = await bench.send(keep, { fields: { [name]: '00-broken' } });
      assert.equal(idsOf(replaced.wire).traceId, replaced.caller.spanContext().traceId);
    },
  },
  {
    name: 'with no span active a valid context in the carrier is the parent: a relay stays in the chain',
    needs: ['fields', 'relay'],
    async run(bench) {
      const fields = { traceparent: traceparent(OTHER_TRACE, OTHER_SPAN), tracestate: 'rojo=1' };
      const { wire } = await bench.sender({ twice: false }, (send) =>
        context.with(ROOT_CONTEXT, () => send({ fields })),
      );
      assert.equal(idsOf(wire).traceId, OTHER_TRACE);
      assert.equal(valueOf(wire, 'tracestate'), 'rojo=1');
      if (!hasSpan(bench)) return;
      const hops = bench.telemetry.spans().filter((span) => span.parentSpanContext?.spanId === OTHER_SPAN);
      assert.equal(hops.length, 1, 'the hop is a child of what the carrier held');
    },
  },
  ...(['restart-with-link', 'restart'] as const).map((inbound): Rule => ({
    name: `below a hop whose policy is '${inbound}' a handler that forwards what came in passes none of it on`,
    needs: ['fields'],
    async run(bench) {
      const offered = {
        traceparent: traceparent(OTHER_TRACE, OTHER_SPAN),
        tracestate: 'theirs=1',
        baggage: `${LINEAGE}=1.9.32.1.-.-.-,user=theirs`,
      };
      const settings = hopSettings({ inbound, spans: false }, { name: 'contract', version: '1.0.0' });
      for (const carrier of [offered, { baggage: offered.baggage }, { ...offered, traceparent: '00-broken' }]) {
        const hop = { transport: 'contract', name: 'work', kind: SpanKind.CONSUMER, carrier, reader: messageHeaders };
        for (const options of [{}, { spans: false }, { existing: 'keep' }] as const) {
          const fields = { ...carrier, mine: 'stays' };
          const { wire } = await bench.sender(
            { options: { agent: 'planner', firstParty: true, ...options }, twice: false },
            (send) => receive(hop, () => send({ fields }), settings),
          );
          assertOneOfEach(bench, wire);
          const sent = (wire ?? []).map(([name, value]) => `${name}: ${String(value)}`).join('\n');
          for (const theirs of [OTHER_TRACE, 'theirs', '00-broken', `${LINEAGE}=1.9`, `${LINEAGE}=1.10`]) {
            assert(!sent.includes(theirs), `nothing that was offered is on the wire:\n${sent}`);
          }
          assert.deepEqual(valuesOf(wire, 'mine').map(String), ['stays']);
        }
      }
    },
  })),
  {
    name: 'a field of a wrong type is never passed on',
    needs: ['fields', 'types'],
    async run(bench) {
      for (const value of wrongValues(bench.harness.carrier)) {
        for (const options of [{}, { outbound: 'suppress' }, { existing: 'keep' }, { spans: false }] as const) {
          const fields = { traceparent: value, tracestate: value, baggage: value };
          const { wire } = await bench.send(options, { fields });
          for (const [name, sent] of wire ?? []) {
            if (name.toLowerCase() in fields) assert.equal(typeof sent, 'string', `\`${name}\` on the wire is text`);
          }
        }
      }
    },
  },
  {
    name: 'baggage goes to a first party, and stays here for a third, whom trace context reaches',
    needs: ['baggage'],
    async run(bench) {
      const ours = await bench.send({ firstParty: true }, {}, { within: inBlue() });
      assert.deepEqual(baggageOf(ours.wire), ['tenant=blue', 'secret=x']);
      const theirs = await bench.send({ firstParty: false }, {}, { within: inBlue() });
      assert.deepEqual(baggageOf(theirs.wire), []);
      assert.equal(idsOf(theirs.wire).traceId, theirs.caller.spanContext().traceId);
      if (hasSpan(bench)) {
        assert.equal(
          bench.hopOf(theirs.caller).attributes['throughline.baggage.withheld'],
          2,
          'how many stayed is told',
        );
      }
    },
  },
  {
    name: '`baggage.send` decides which members go, and to whom',
    needs: ['baggage'],
    async run(bench) {
      const some = await bench.send({ firstParty: true, baggage: { send: ['ten*'] } }, {}, { within: inBlue() });
      assert.deepEqual(baggageOf(some.wire), ['tenant=blue']);
      const none = await bench.send({ firstParty: true, baggage: { send: false } }, {}, { within: inBlue() });
      assert.deepEqual(baggageOf(none.wire), []);
      const all = await bench.send({ firstParty: false, baggage: { send: true } }, {}, { within: inBlue() });
      assert.deepEqual(baggageOf(all.wire), ['tenant=blue', 'secret=x']);
    },
  },
  {
    name: "under `outbound: 'suppress'` the hop has its span, and no field is on the wire, not even one that was there",
    async run(bench) {
      const call = hasFields(bench) ? { fields: stale } : {};
      const { caller, wire } = await bench.send({ outbound: 'suppress' }, call, { within: inBlue() });
      assertNoFields(wire);
      if (hasFields(bench)) assert.deepEqual(valuesOf(wire, 'mine').map(String), ['stays']);
      if (hasSpan(bench)) bench.hopOf(caller);
      await bench.counted('outbound', 'suppressed');
    },
  },
  {
    name: 'what a propagator of another format owns goes too: suppressed, below a restart, and before ours',
    needs: ['fields'],
    async run(bench) {
      const name = bench.harness.carrier === 'env' ? 'X_THEIRS' : 'X-Theirs';
      const call = { fields: { [name]: 'old', mine: 'stays' } };
      const values = (wire: readonly Field[] | undefined): unknown[] => valuesOf(wire, name.toLowerCase()).map(String);
      const suppressed = await bench.send({ propagator: theirs, outbound: 'suppress' }, call);
      assert.deepEqual(values(suppressed.wire), [], 'it is not on the wire under `suppress`');
      assert.deepEqual(valuesOf(suppressed.wire, 'mine').map(String), ['stays']);
      const written = await bench.send({ propagator: theirs }, call);
      assert.deepEqual(values(written.wire), ['new'], 'there is one, and it is ours');
      const settings = hopSettings({ inbound: 'restart', spans: false }, { name: 'contract', version: '1.0.0' });
      const hop = { transport: 'contract', name: 'work', kind: SpanKind.CONSUMER, carrier: {}, reader: messageHeaders };
      const options: HopOptions = { propagator: theirs, spans: false };
      const { wire } = await bench.sender({ options, twice: false }, (send) =>
        receive(hop, () => send(call), settings),
      );
      assert.deepEqual(values(wire), [], 'it is not on the wire below a restart');
    },
  },
  {
    name: 'an `outbound` function is asked about the target',
    async run(bench) {
      const asked: string[] = [];
      const outbound: HopOptions['outbound'] = ({ transport }) => {
        asked.push(transport);
        return 'suppress';
      };
      assertNoFields((await bench.send({ outbound })).wire);
      assert(asked.includes(bench.harness.transport), `it is asked about a target of '${bench.harness.transport}'`);
    },
  },
  {
    name: 'nothing that the caller hands over is changed, frozen or not',
    needs: ['fields'],
    async run(bench) {
      for (const options of [{}, { outbound: 'suppress' }, { existing: 'keep' }] as const) {
        const fields = { ...stale, list: 'a' };
        const before = JSON.stringify(fields);
        await bench.send(options, { fields });
        assert.equal(JSON.stringify(fields), before, 'the fields are as they were');
        const { outcome, wire } = await bench.send(options, { fields: deepFreeze({ ...stale }) });
        assert.equal(outcome.failed, false, 'frozen fields are taken');
        assert.deepEqual(valuesOf(wire, 'mine').map(String), ['stays']);
      }
    },
  },
  {
    name: 'under suppressed tracing there is no span, nothing is injected, and the fields that are there stay',
    async run(bench) {
      const name = bench.harness.carrier === 'env' ? 'TRACEPARENT' : 'traceparent';
      const held = traceparent(OTHER_TRACE, OTHER_SPAN);
      const call = hasFields(bench) ? { fields: { [name]: held } } : {};
      const { caller, wire, outcome } = await bench.send({}, call, { suppressed: true });
      assert.equal(outcome.failed, false, 'the call succeeds');
      assert.deepEqual(bench.below(caller), [], 'the call made no span');
      assert.deepEqual(valuesOf(wire, 'traceparent').map(String), hasFields(bench) ? [held] : []);
      await bench.counted('outbound', 'suppressed');
    },
  },
  {
    name: "under `spans: false` the wire names the caller's span, and there is none of the hop's own",
    async run(bench) {
      const { caller, wire } = await bench.send({ spans: false, firstParty: true }, {}, { within: inBlue() });
      assert.deepEqual(bench.below(caller), [], 'the call made no span');
      assert.deepEqual(idsOf(wire), { traceId: caller.spanContext().traceId, spanId: caller.spanContext().spanId });
      if (hasBaggage(bench)) assert.deepEqual(baggageOf(wire), ['tenant=blue', 'secret=x']);
    },
  },
  {
    name: 'wrapped twice it is one hop, and one of each field',
    needs: ['span', 'twice'],
    async run(bench) {
      const { caller, wire } = await bench.send({}, {}, { twice: true });
      assertOneOfEach(bench, wire);
      assert.equal(idsOf(wire).spanId, bench.hopOf(caller).spanContext().spanId);
    },
  },
  {
    name: 'what the library returns comes out: at once, by a promise, by a thenable; and the span ends with it',
    needs: ['results', 'span'],
    async run(bench) {
      const value = { mine: true };
      const now = await bench.send({}, { instead: () => value });
      assert.deepEqual([now.outcome.value === value, now.outcome.atOnce], [true, true], 'a value comes out at once');
      bench.hopOf(now.caller);
      // oxlint-disable-next-line unicorn/no-thenable -- what this is about
      const thenable = { then: (resolve: (given: unknown) => void) => resolve(value) };
      const soon = await bench.send({}, { instead: () => thenable });
      assert.equal(soon.outcome.value, value, 'what a thenable resolves with comes out');
      bench.hopOf(soon.caller);

      let resolve: (given: unknown) => void = () => {};
      const waits = new Promise((given) => (resolve = given));
      await bench.sender({ twice: false }, async (send) => {
        const sent = inCaller(() => send({ instead: () => waits }));
        await turn();
        assert.deepEqual(bench.telemetry.spans(), [], 'the span is open while the promise is');
        resolve(value);
        const { span, result } = await sent;
        assert.equal(result.outcome.value, value, 'what a promise resolves with comes out');
        bench.hopOf(span);
      });
    },
  },
  {
    name: 'what a span says of a failure hides nothing',
    needs: ['span', 'failures'],
    async run(bench) {
      const failure = new Error('a\u202eb\u200b\r\nc\ud800');
      const { caller, outcome } = await bench.send({}, { instead: () => Promise.reject(failure) });
      assertThrew(outcome, failure);
      const { message = '' } = bench.hopOf(caller).status;
      assert.doesNotMatch(message, /[\p{C}\p{Zl}\p{Zp}]/u, 'the status has no character that nobody sees');
    },
  },
  ...throwables().map(({ what, value, errorType }): Rule => ({
    name: `a library that fails with ${what}: the same value comes out, and the span is an error`,
    needs: ['failures'],
    async run(bench) {
      const ways: Record<string, () => unknown> = {
        throws: () => {
          throw value;
        },
        rejects: () => Promise.reject(value),
      };
      for (const [way, instead] of Object.entries(ways)) {
        const { caller, outcome } = await bench.send({}, { instead });
        assertThrew(outcome, value);
        if (!hasSpan(bench)) continue;
        try {
          assertFailed(bench.hopOf(caller), errorType);
        } catch (error) {
          throw new assert.AssertionError({ message: `it ${way}: ${(error as Error).message}` });
        }
      }
    },
  })),
  {
    name: 'the text of an error is on the span of a call to a first party, and of a third party on request alone',
    needs: ['failures', 'span'],
    async run(bench) {
      const told = 'told by who was called';
      const error = new RangeError(told);
      for (const [options, shown] of [
        [{ firstParty: true }, told],
        [{ firstParty: false }, undefined],
        [{ firstParty: false, recordErrorText: true }, told],
      ] as const) {
        const { caller, outcome } = await bench.send(options, { instead: () => Promise.reject(error) });
        assertThrew(outcome, error);
        const hop = bench.hopOf(caller);
        assertFailed(hop, 'RangeError');
        assert.equal(hop.status.message, shown, `the message of the status under ${JSON.stringify(options)}`);
        assert(!JSON.stringify(hop.attributes).includes(told), 'no attribute holds it');
      }
    },
  },
  {
    name: 'the chain goes on: the receiver is one hop deeper',
    async run(bench) {
      const { wire } = await bench.sender({ options: { agent: 'planner' }, twice: false }, (send) =>
        inChain('1.4.32.1.-.-.-', () => send()),
      );
      assert.match(String(lineageOf(wire)[0]), /^1\.5\.32\.1\./);
    },
  },
  {
    name: 'the receiver is told what is left of a budget of tokens and money, and nothing is taken from it',
    async run(bench) {
      const { wire } = await bench.sender({ twice: false }, (send) =>
        inChain('2.4.32.1.-.-.-.7000.250000', async () => {
          spendBudget({ tokens: 1000, cost: 0.05 });
          const sent = await send();
          const { tokens, cost } = currentLineage() ?? {};
          assert.deepEqual({ tokens, cost }, { tokens: 6000, cost: 0.2 });
          return sent;
        }),
      );
      assert.match(String(lineageOf(wire)[0]), /^2\.5\.32\.1\..*\.6000\.200000$/);
    },
  },
  {
    name: 'a call has the agent of the inbound hop around it, unless it is given one of its own',
    needs: ['span'],
    async run(bench) {
      for (const [own, expected] of [
        [undefined, 'desk'],
        ['planner', 'planner'],
      ] as const) {
        const { wire } = await bench.sender({ options: { agent: own, firstParty: true }, twice: false }, (send) =>
          inChain('1.4.32.1.-.-.-', () => send(), 'desk'),
        );
        assert.deepEqual(lineageOf(wire), [`1.5.32.1.-.-.${agentHash(expected)}`]);
        const agents = bench.telemetry.spans().map(({ attributes }) => attributes['throughline.agent.name']);
        assert(agents.includes(expected), `a span says that it is of ${expected}; there are ${agents.join(', ')}`);
      }
    },
  },
  {
    name: 'a third party gets the counts of the chain, without the hashes of agents',
    needs: ['baggage'],
    async run(bench) {
      for (const [firstParty, path] of [
        [true, `old~${agentHash('planner')}`],
        [false, '-'],
      ] as const) {
        const { wire } = await bench.sender({ options: { agent: 'planner', firstParty }, twice: false }, (send) =>
          inChain('1.4.32.1.-.-.old', () => send()),
        );
        assert.deepEqual(lineageOf(wire), [`1.5.32.1.-.-.${path}`], `firstParty: ${firstParty}`);
      }
    },
  },
  {
    name: 'under `baggage: { send: false }` no `baggage` is on the wire, the chain neither',
    needs: ['baggage'],
    async run(bench) {
      for (const send of [false, () => false] as const) {
        const { wire } = await bench.sender(
          { options: { agent: 'planner', baggage: { send } }, twice: false },
          (call) => inChain('1.4.32.1.-.-.-', () => call()),
        );
        assert.deepEqual(valuesOf(wire, 'baggage'), []);
        assert.equal(valuesOf(wire, 'traceparent').length, 1);
      }
    },
  },
  ...Object.entries(pastLimits).map(([limit, member]): Rule => ({
    name: `past the limit of ${limit}, under enforce, it is refused in the transport's own terms before anything is sent`,
    needs: ['refusal'],
    async run(bench) {
      const { outcome, wire } = await bench.sender({ options: enforce, twice: false }, (send) =>
        inChain(member, () => send()),
      );
      assertOutboundRefused(bench, outcome);
      assert.equal(wire, undefined, 'the library was not called');
      if (hasSpan(bench)) {
        const hops = bench.telemetry.spans().filter(({ name, kind }) => name !== 'work' && kind !== SpanKind.INTERNAL);
        assert.equal(hops.length, 1, 'the refused hop has a span');
        assertFailed(hops[0] as (typeof hops)[number]);
      }
      await bench.counted('outbound', 'refused');
      const observed = await bench.sender({ options: {}, twice: false }, (send) => inChain(member, () => send()));
      assert.equal(observed.outcome.failed, false, 'where lineage is observed the call goes out');
      assert(observed.wire, 'where lineage is observed the call goes out');
    },
  })),
  {
    name: 'past `maxCalls`, under enforce, the next call is refused and those before are not',
    needs: ['refusal', 'span'],
    async run(bench) {
      const options: HopOptions = { lineage: { mode: 'enforce', maxCalls: 2 } };
      await bench.sender({ options, twice: false }, (send) =>
        inChain('1.1.32.1.-.-.-', async () => {
          for (const nth of [1, 2]) assert.equal((await send()).outcome.failed, false, `call ${nth} goes out`);
          const { outcome, wire } = await send();
          assertOutboundRefused(bench, outcome);
          assert.equal(wire, undefined, 'the third does not');
        }),
      );
    },
  },
  {
    name: 'a hundred calls at once: each carries the trace of its own caller',
    async run(bench) {
      const calls = await bench.sender({ twice: false }, (send) =>
        Promise.all(
          Array.from({ length: 100 }, (_, at) => {
            const traceId = (at + 1).toString(16).padStart(32, 'a');
            const call: Partial<Call> = hasFields(bench) ? { fields: { 'contract-call': String(at) } } : {};
            return inCaller(
              () => send(call),
              trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId: SPAN, traceFlags: 1 }),
            );
          }),
        ),
      );
      calls.forEach(({ span, result }, at) => {
        const { traceId, spanId } = idsOf(result.wire);
        assert.equal(traceId, span.spanContext().traceId, `call ${at} is in its caller's trace`);
        const own = hasSpan(bench) ? bench.hopOf(span).spanContext().spanId : span.spanContext().spanId;
        assert.equal(spanId, own, `call ${at} names its own span`);
        if (hasFields(bench)) assert.deepEqual(valuesOf(result.wire, 'contract-call').map(String), [String(at)]);
      });
    },
  },
];
