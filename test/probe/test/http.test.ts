import { describe, expect, it, vi } from 'vitest';
import type { Fault, Tracer } from '../src/service.ts';
import { freePort, probe, report, rowOf, rowsOf, start } from './probed.ts';
import type { Report } from './probed.ts';

// Each starts a process or two, and sends some hundred requests one after the other.
vi.setConfig({ testTimeout: 120_000 });

const CALLBACK = '?url={{callback}}';

/** Probes the service of `src/service.ts`, which calls back. */
async function probed(tracer: Tracer, fault: Fault, ...args: string[]): Promise<Report & { readonly code: number }> {
  const otlpPort = await freePort();
  const service = await start('../src/service.ts', [tracer, fault], { otlpPort });
  const takes = args.includes('--collect') ? ['--otlp-port', `${otlpPort}`] : [];
  try {
    return await report(`${service.url}${CALLBACK}`, ...args, ...takes);
  } finally {
    await service.stop();
  }
}

const FAST = ['--samples', '0'];

describe('services that are right', () => {
  it('traceContext(internalMesh()) continues what is valid, ignores what is not, and says so by spans and calls', async () => {
    const found = await probed('mesh', 'none', '--collect', '--samples', '5');
    expect(rowsOf(found, 'fail')).toEqual([]);
    expect(rowsOf(found, 'warning')).toEqual([]);
    expect(rowsOf(found, 'unknown')).toEqual([]);
    expect(found.code).toBe(0);
    const outcomes = [
      'valid-sampled',
      'valid-not-sampled',
      'uppercase',
      'two-traceparents',
      'headers-20k',
      'no-context',
    ];
    expect(
      outcomes.map((id) => `${id}: ${rowOf(found, id)?.outcome} by ${rowOf(found, id)?.evidence.join('+')}`),
    ).toEqual([
      'valid-sampled: continued by spans+callback',
      'valid-not-sampled: continued by callback',
      'uppercase: ignored by spans+callback',
      'two-traceparents: ignored by spans+callback',
      'headers-20k: refused by status',
      'no-context: started by spans+callback',
    ]);
    expect(rowOf(found, 'baggage')?.details).toEqual(['baggage was passed on: probe-secret']);
    expect(rowOf(found, 'baggage-control')?.details).toEqual(['answered 400']);
  });

  it('traceContext(publicEdge()) restarts every trace, and lets nothing of a stranger out', async () => {
    const found = await probed('edge', 'none', '--collect', '--public-edge');
    expect(rowsOf(found, 'fail')).toEqual([]);
    expect(rowsOf(found, 'warning')).toEqual([]);
    expect(rowOf(found, 'valid-sampled')?.outcome).toBe('restarted');
    expect(rowOf(found, 'forged-flag')?.details).toEqual([
      'recorded: 20 of 20 with the flag, 20 of 20 without context',
    ]);
    expect(found.code).toBe(0);
  });

  it('an edge whose sampler gives a forged flag no weight', async () => {
    const found = await probed('ratio-edge', 'none', '--public-edge');
    expect(rowsOf(found, 'fail')).toEqual([]);
    expect(rowOf(found, 'forged-flag')?.outcome).toBe('ignored');
  });

  it('instrumentation-http is right but for the random flag of level 2', async () => {
    const found = await probed('stock', 'none', '--collect', ...FAST);
    expect(rowsOf(found, 'fail')).toEqual([]);
    expect(rowsOf(found, 'warning')).toEqual(['valid-random: continued']);
    expect(rowsOf(found, 'unknown')).toEqual([]);
  });

  it('a service that nobody traces, and that tells nothing, is accused of nothing', async () => {
    const service = await start('../src/service.ts', ['none', 'none']);
    const found = await report(service.url);
    await service.stop();
    expect(rowsOf(found, 'fail')).toEqual([]);
    expect(rowsOf(found, 'warning')).toEqual([]);
    expect(rowsOf(found, 'ok')).toEqual(['baggage-control: refused', 'headers-20k: refused']);
    expect(found.notes).toEqual([
      'nothing told which trace it worked in: take its spans with --collect, or have it call {{callback}}',
    ]);
    expect(found.code).toBe(0);
  });

  it('one that passes on what came takes part in no trace, and is not held to its rules', async () => {
    const found = await probed('none', 'relay', ...FAST);
    expect(rowsOf(found, 'fail')).toEqual([]);
    expect(rowsOf(found, 'warning')).toEqual([]);
    expect(rowOf(found, 'uppercase')?.outcome).toBe('relayed');
    expect(rowOf(found, 'tracestate-33')?.outcome).toBe('relayed');
  });

  it('one that fails now and then, whatever is sent, is not blamed for a case', async () => {
    const found = await probed('none', 'flaky', ...FAST);
    expect(rowsOf(found, 'fail')).toEqual([]);
    expect(rowsOf(found, 'warning')).toEqual([]);
    expect(found.code).toBe(0);
  });
});

describe('boundaries that are not what they are said to be', () => {
  it('a service that continues strangers’ traces, and passes their baggage on', async () => {
    const found = await probed('mesh', 'none', '--public-edge', ...FAST);
    expect(rowOf(found, 'valid-sampled')).toMatchObject({
      outcome: 'continued',
      level: 'fail',
      details: ['a stranger’s trace was continued'],
    });
    expect(rowOf(found, 'tracestate')?.details).toContain(
      'a stranger’s tracestate came on to the callback: probe0, probe1',
    );
    expect(rowOf(found, 'baggage')).toMatchObject({ outcome: 'leaked', level: 'fail' });
    expect(rowOf(found, 'uppercase')?.level).toBe('ok');
    expect(found.code).toBe(1);
  });

  it('a public edge where continuing is right: a restart with a link is a policy, one without is a loss', async () => {
    const seen = await probed('edge', 'none', '--collect', ...FAST);
    expect(rowOf(seen, 'valid-sampled')?.details).toContain(
      'a new trace, which links the one that was sent: right at a public edge, and then say --public-edge',
    );
    const unseen = await probed('edge', 'none', ...FAST);
    expect(rowOf(unseen, 'valid-sampled')).toMatchObject({ outcome: 'restarted', level: 'fail' });
    expect(unseen.code).toBe(1);
  });

  it('a sampler that honours a stranger’s flag', async () => {
    const found = await probed('stock-ratio', 'none', '--public-edge');
    const row = rowOf(found, 'forged-flag');
    expect(row?.level).toBe('fail');
    expect(row?.details[0]).toMatch(/^a stranger’s flag decides what is recorded: 20 of 20 with the flag, \d of 20/);
  });

  it('baggage of its own that goes to whoever the request names', async () => {
    const found = await probed('none', 'leaks-tenant', ...FAST);
    expect(rowOf(found, 'own-baggage')).toMatchObject({
      outcome: 'leaked',
      level: 'warning',
      details: ['the callback got tenant'],
    });
    expect(found.code).toBe(0);
    const third = await probed('none', 'leaks-tenant', '--third-party', ...FAST);
    expect(rowOf(third, 'own-baggage')?.level).toBe('fail');
    expect(rowOf(third, 'baggage')?.details).toEqual([
      'the callback, a third party, got the caller’s baggage: probe-secret',
    ]);
    expect(third.code).toBe(1);
  });
});

describe('planted faults', () => {
  it.each([
    [
      'fails-on-percent',
      'baggage-percent: failed',
      'answered 500, each of 3 times; without the context it answers as usual',
    ],
    [
      'drops-on-proto',
      'baggage-proto: dropped',
      'ECONNRESET, each of 3 times; without the context it answers as usual',
    ],
    [
      'hangs-on-long',
      'tracestate-long: hung',
      'no answer in time, each of 3 times; without the context it answers as usual',
    ],
    ['splits-headers', 'baggage-crlf: leaked', 'decoded baggage was written into a header, and made another header'],
    ['crash-on-uppercase', 'uppercase: crashed', 'and nothing answers since (ECONNRESET)'],
  ] as const)('%s', async (fault, row, words) => {
    const found = await probed('none', fault, '--timeout', '1000', ...FAST);
    expect(rowsOf(found, 'fail')).toEqual([row]);
    expect(found.rows.find(({ level }) => level === 'fail')?.details[0]).toContain(words);
    expect(found.code).toBe(1);
  });

  it('using a context that is not valid', async () => {
    const found = await probed('none', 'uses-anything', ...FAST);
    const used = ['version-00-extra', 'version-ff', 'uppercase', 'zero-span-id', 'too-short', 'too-long'];
    expect(rowsOf(found, 'fail')).toEqual(used.map((id) => `${id}: continued`));
    expect(rowOf(found, 'valid-not-sampled')?.details).toEqual([
      'the sampled flag was off, and is on where it goes on',
    ]);
  });

  it.each(['crash-on-uppercase', 'crash-later'] as const)(
    '%s, and a supervisor that starts it again',
    async (fault) => {
      const service = await start('../src/service.ts', ['none', fault], { port: await freePort(), isSupervised: true });
      const found = await report(service.url, ...FAST);
      await service.stop();
      expect(rowsOf(found, 'fail')).toEqual(['uppercase: crashed']);
      expect(rowOf(found, 'uppercase')?.details[0]).toContain('it went down each time that this was sent');
      // All that comes after it was sent.
      expect(rowOf(found, 'headers-20k')?.outcome).toBe('refused');
    },
  );
});

describe('what cannot be probed', () => {
  it('is told with exit code 2', async () => {
    const nobody = await probe(`http://127.0.0.1:${await freePort()}/`);
    expect(nobody).toMatchObject({ code: 2, stdout: '' });
    expect(nobody.stderr).toContain('cannot be reached: ECONNREFUSED');
  });

  it('a port for spans that is taken names the option', async () => {
    const service = await start('../src/service.ts', ['none', 'none']);
    const { code, stderr } = await probe(service.url, '--otlp-port', new URL(service.url).port);
    await service.stop();
    expect(code).toBe(2);
    expect(stderr).toContain('give another with --otlp-port');
  });
});
