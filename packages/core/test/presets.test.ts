import { readFileSync } from 'node:fs';
import { propagation, SpanKind } from '@opentelemetry/api';
import { internalMesh, modelProvider, publicEdge, thirdPartyTools } from '@throughline/core';
import { hopSettings, nodeHeaders, startInbound, startOutbound } from '@throughline/core/adapter';
import type { HopOptions } from '@throughline/core';
import type { InboundHop, OutboundHop } from '@throughline/core/adapter';
import { startTelemetry } from '@throughline/test-telemetry';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const offered = {
  traceparent: `00-${traceId}-b7ad6b7169203331-01`,
  tracestate: 'theirs=1',
  baggage: 'user=ada',
};

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.reset());
afterAll(() => telemetry.shutdown());

const settings = (options: HopOptions) => hopSettings(options, { name: '@throughline/test', version: '1.0.0' });

/** What a service with these options makes of a request that offers context, and what it then sends to a host. */
function pass(options: HopOptions, host: string, carrier: Record<string, string> = offered) {
  const inbound: InboundHop = {
    transport: 'http',
    name: 'in',
    kind: SpanKind.SERVER,
    carrier,
    reader: nodeHeaders,
    http: 'request',
  };
  const received = startInbound(inbound, settings(options));
  const outbound: OutboundHop = {
    transport: 'http',
    name: 'out',
    kind: SpanKind.CLIENT,
    target: { transport: 'http', channel: 'host', host },
    context: propagation.setBaggage(
      received.context,
      (propagation.getBaggage(received.context) ?? propagation.createBaggage()).setEntry('ours', { value: '1' }),
    ),
  };
  const sending = startOutbound(outbound, settings(options));
  sending.end();
  received.end();
  const { spanId } = received.span.spanContext();
  const span = telemetry.spans().find((ended) => ended.spanContext().spanId === spanId) as ReadableSpan;
  return {
    continued: span.spanContext().traceId === traceId,
    links: span.links.length,
    state: span.spanContext().traceState?.serialize(),
    baggage: propagation.getBaggage(received.context)?.getEntry('user')?.value,
    sent: 'fields' in sending ? sending.fields : {},
  };
}

const partnerToken = 'Bearer good';
// #region readme
const edge = publicEdge({ authenticated: ({ headers }) => headers.get('authorization') === partnerToken });
const mesh = internalMesh({ firstParty: ['*.example.com'] });
const tools = thirdPartyTools({ agent: 'analyst' });
// #endregion

const memberOf = (field: string | undefined, key: string): boolean => (field ?? '').includes(`${key}=`);

describe('internalMesh()', () => {
  it('continues, takes baggage in, and sends it to first parties', () => {
    const options = internalMesh({ firstParty: ['*.example.com'] });
    const inside = pass(options, 'planner.example.com');
    expect(inside).toMatchObject({ continued: true, links: 0, state: 'theirs=1', baggage: 'ada' });
    expect([memberOf(inside.sent['baggage'], 'user'), memberOf(inside.sent['baggage'], 'ours')]).toEqual([true, true]);
  });

  it('keeps baggage from strangers all the same', () => {
    const { sent } = pass(internalMesh(), 'tools.example.org');
    expect(sent['traceparent']).toContain(traceId);
    expect(memberOf(sent['baggage'], 'ours')).toBe(false);
  });
});

describe('publicEdge()', () => {
  it('restarts with a link: nothing of a stranger’s tracestate or baggage comes in', () => {
    expect(pass(publicEdge(), 'planner')).toMatchObject({
      continued: false,
      links: 1,
      state: undefined,
      baggage: undefined,
    });
  });

  it('takes no baggage of a stranger who offers no trace', () => {
    expect(pass(publicEdge(), 'planner', { baggage: 'user=ada' })).toMatchObject({ links: 0, baggage: undefined });
  });

  it('continues whom `authenticated` vouches for', () => {
    const options = publicEdge({ authenticated: ({ headers }) => headers.get('Authorization') === 'Bearer good' });
    const partner = { ...offered, authorization: 'Bearer good' };
    expect(pass(options, 'planner', partner)).toMatchObject({ continued: true, state: 'theirs=1', baggage: 'ada' });
    expect(pass(options, 'planner', { ...offered, authorization: 'Bearer bad' })).toMatchObject({
      continued: false,
      links: 1,
    });
  });

  it('sends its own baggage on to first parties', () => {
    expect(memberOf(pass(publicEdge(), 'planner').sent['baggage'], 'ours')).toBe(true);
  });
});

describe('thirdPartyTools()', () => {
  it('sends trace context, and no `baggage` field at all', () => {
    const { sent } = pass(thirdPartyTools({ agent: 'analyst' }), 'planner');
    expect(Object.keys(sent)).toEqual(['traceparent']);
  });
});

describe('modelProvider()', () => {
  it('sends nothing', () => {
    expect(pass(modelProvider({ agent: 'analyst' }), 'planner').sent).toEqual({});
    expect(telemetry.find('out').attributes['throughline.agent.name']).toBe('analyst');
  });

  it('sends trace context on request, and no `baggage` then either', () => {
    expect(Object.keys(pass(modelProvider({ outbound: 'inject' }), 'planner').sent)).toEqual(['traceparent']);
  });
});

describe('lineage', () => {
  const deep = { ...offered, baggage: 'throughline.lineage=1.9.32.1.-.-.-' };

  it('of a stranger ends at a public edge, and that of a third party where its request comes in', () => {
    for (const options of [publicEdge(), thirdPartyTools({ baggage: { send: true } })]) {
      expect(pass(options, 'planner', deep).sent['baggage']).toContain('throughline.lineage=1.1.32.');
    }
  });

  it('goes on in a mesh', () => {
    expect(pass(internalMesh(), 'planner', deep).sent['baggage']).toContain('throughline.lineage=1.10.32.');
  });
});

describe('thirdPartyTools()', () => {
  it('sends trace context and no baggage, to private addresses neither', () => {
    const { sent } = pass(thirdPartyTools(), 'localhost');
    expect(sent['traceparent']).toBeDefined();
    expect(memberOf(sent['baggage'], 'ours')).toBe(false);
  });

  it('what they send starts a trace that links to theirs', () => {
    expect(pass(thirdPartyTools(), 'localhost')).toMatchObject({ continued: false, links: 1, baggage: undefined });
  });
});

describe('a preset merges what is given', () => {
  it('two calls give the same options, so that wrapping twice with one preset is no surprise', () => {
    for (const preset of [internalMesh, modelProvider, publicEdge, thirdPartyTools]) {
      for (const [name, value] of Object.entries(preset())) expect(Reflect.get(preset(), name)).toBe(value);
    }
  });

  it('the given options win, and the preset is a plain object of options', () => {
    expect(internalMesh({ agent: 'planner', outbound: 'suppress' })).toMatchObject({
      agent: 'planner',
      outbound: 'suppress',
    });
    expect(thirdPartyTools({ firstParty: true, inbound: undefined })).toMatchObject({
      firstParty: true,
      inbound: 'restart-with-link',
    });
    expect(thirdPartyTools({ baggage: { toAttributes: ['tenant'] } }).baggage).toEqual({
      send: false,
      toAttributes: ['tenant'],
    });
  });

  it('options of one adapter stay, and what is given is not changed', () => {
    const given = Object.freeze({ serverTiming: true, baggage: Object.freeze({ accept: ['locale'] }) });
    const options: { serverTiming: boolean } & HopOptions = publicEdge(given);
    expect([options.serverTiming, options.baggage]).toEqual([true, { accept: ['locale'] }]);
  });
});

it('the presets of the README are what it says, and the code that it shows', () => {
  const partner = { ...offered, authorization: partnerToken };
  expect([pass(edge, 'planner', partner).continued, pass(edge, 'planner').continued]).toEqual([true, false]);
  expect(memberOf(pass(mesh, 'planner.example.com').sent['baggage'], 'ours')).toBe(true);
  expect(memberOf(pass(tools, 'localhost').sent['baggage'], 'ours')).toBe(false);
  const region = /^\/\/ #region readme\n([^]*?)^\/\/ #endregion$/m.exec(
    readFileSync(import.meta.filename, 'utf8'),
  )?.[1];
  expect(readFileSync(new URL('../README.md', import.meta.url), 'utf8')).toContain(region);
});
