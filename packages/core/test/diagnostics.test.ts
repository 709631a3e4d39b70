import { diag, DiagLogLevel, propagation, ROOT_CONTEXT, SpanKind } from '@opentelemetry/api';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hopSettings, messageHeaders, warnOnce, warnOncePer } from '@throughline/core/adapter';
import type { HopSettings } from '@throughline/core/adapter';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { startInbound, startOutbound } from './admitted.ts';

let telemetry: Telemetry;
let lines: string[];
beforeAll(() => {
  telemetry = startTelemetry();
});
beforeEach(() => {
  lines = [];
  const ignore = (): void => {};
  const warn = (line: string): void => {
    lines.push(line);
  };
  const logger = { error: warn, warn, info: ignore, debug: ignore, verbose: ignore };
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  // As a process that has told nothing yet.
  delete (globalThis as { [key: symbol]: unknown })[Symbol.for('throughline.warnings')];
});
afterEach(() => diag.disable());
afterAll(() => telemetry.shutdown());

const settings = (): HopSettings => hopSettings({ lineage: false }, { name: '@throughline/test', version: '1.0.0' });

function callTo(host: string): void {
  const held = propagation.createBaggage({ user: { value: '1' } });
  startOutbound(
    {
      transport: 'http',
      name: 'GET',
      kind: SpanKind.CLIENT,
      target: { transport: 'http', channel: 'host', host },
      context: propagation.setBaggage(ROOT_CONTEXT, held),
    },
    settings(),
  ).end();
}

function receive(traceparent: string): void {
  startInbound(
    {
      transport: 'kafka',
      name: 'process tasks',
      kind: SpanKind.CONSUMER,
      carrier: { traceparent },
      reader: messageHeaders,
    },
    settings(),
  ).end();
}

describe('what is told through diag', () => {
  it('is told of one cause whatever others there were: two thousand hosts that get no baggage', () => {
    for (let at = 0; at < 2000; at++) callTo(`host-${at}.example.com`);
    receive('not one');
    expect(lines.at(-1)).toContain('a kafka hop offered a `traceparent` that is not valid');
    expect(lines.filter((line) => line.includes('baggage was not sent to host-'))).toHaveLength(100);
    expect(lines.filter((line) => line.includes('further ones are not told'))).toHaveLength(1);
    expect(lines).toHaveLength(102);
  });

  it('is told once for each host', () => {
    for (const host of ['a.example.com', 'b.example.com', 'a.example.com', 'A.example.com'.toLowerCase()]) callTo(host);
    expect(lines.map((line) => /sent to (\S+)/.exec(line)?.[1])).toEqual(['a.example.com', 'b.example.com']);
  });

  it('keeps no long text, and prints none', () => {
    const long = `${'x'.repeat(100_000)}.example.com`;
    for (let at = 0; at < 10; at++) callTo(long);
    expect(lines).toHaveLength(1);
    expect(lines[0]?.length).toBeLessThan(2100);
    const kept = (globalThis as { [key: symbol]: unknown })[Symbol.for('throughline.warnings')];
    for (const subjects of (kept as Map<string, Set<string>>).values()) {
      for (const subject of subjects) expect(subject.length).toBeLessThanOrEqual(253);
    }
  });

  it('stays within bounds, and silences nothing, where the causes themselves come from outside', () => {
    for (let at = 0; at < 5000; at++) warnOnce(`cause-${at}`, 'told');
    expect(lines).toHaveLength(5000);
    const kept = (globalThis as { [key: symbol]: unknown })[Symbol.for('throughline.warnings')];
    expect((kept as Map<string, unknown>).size).toBeLessThanOrEqual(1000);
    receive('not one');
    expect(lines).toHaveLength(5001);
  });

  it('costs the user nothing where the logger throws', () => {
    const fail = (): never => {
      throw new Error('the logger is broken');
    };
    const logger = { error: fail, warn: fail, info: fail, debug: fail, verbose: fail };
    diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
    expect(() => receive('not one')).not.toThrow();
    expect(() => warnOncePer('cause', 'subject', 'message')).not.toThrow();
  });

  it('tells once of all subjects that are longer than a name can be', () => {
    for (let at = 0; at < 200; at++) warnOncePer('host', `${at}`.padEnd(95_000, 'x'), 'a long one');
    warnOncePer('host', 'short', 'a short one');
    expect(lines).toEqual(['throughline: a long one', 'throughline: a short one']);
  });

  it('is printable', () => {
    warnOnce('cause', 'a\r\nb\u2028c\ud800');
    expect(lines).toEqual(['throughline: a\\u{d}\\u{a}b\\u{2028}c\\u{d800}']);
  });
});
