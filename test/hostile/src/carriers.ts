import { Random } from './random.ts';

const NASTY = [
  ',',
  ';',
  '=',
  '%',
  '%%',
  '%zz',
  '%0d%0a',
  '%00',
  '%ff%fe',
  ' ',
  '\t',
  '\r\n',
  '\n',
  '\0',
  '\u007f',
  '\u0080',
  '\u2028',
  '\ud800',
  '\udfff',
  '\u{1f600}',
  '"',
  '\\',
  '-',
  '--',
  '00-',
  'ff-',
  '@',
  '~',
  '__proto__=',
  'constructor=',
  'throughline.lineage=',
  'throughline.lineage=1.0.32.1.-.-.-',
  'throughline%2Elineage=1.0.1.1.-.-.-',
  'ot=th:',
  'traceparent: x',
] as const;

const KEYS = [
  'traceparent',
  'tracestate',
  'baggage',
  'TraceParent',
  'TRACESTATE',
  'Baggage',
  '__proto__',
  'constructor',
  'toString',
];

/**
 * Returns carrier number `index` of a seed: fields that are nearly right, mutated, in every form that a carrier can have.
 * The same for the same seed and index, so that a run can be cut anywhere and a find can be made again.
 */
export function hostileCarrier(seed: number, index: number): unknown {
  const random = new Random(Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b));
  const entries: [unknown, unknown][] = [];
  if (random.chance(0.9))
    entries.push([random.chance(0.8) ? 'traceparent' : random.pick(KEYS), value(random, traceparent(random))]);
  if (random.chance(0.7))
    entries.push([random.chance(0.8) ? 'tracestate' : random.pick(KEYS), value(random, tracestate(random))]);
  if (random.chance(0.8))
    entries.push([random.chance(0.8) ? 'baggage' : random.pick(KEYS), value(random, baggage(random))]);
  while (random.chance(0.2))
    entries.push([random.pick(KEYS), value(random, random.pick([traceparent, tracestate, baggage])(random))]);
  return shaped(random, entries);
}

function traceparent(random: Random): string {
  const version = random.chance(0.8) ? '00' : random.hex(2);
  const flags = random.chance(0.6) ? '01' : random.hex(2);
  const traceId = random.chance(0.05) ? '0'.repeat(32) : random.hex(32);
  const spanId = random.chance(0.05) ? '0'.repeat(16) : random.hex(16);
  return mutated(random, `${version}-${traceId}-${spanId}-${flags}${random.chance(0.1) ? '-more' : ''}`);
}

function tracestate(random: Random): string {
  const members = Array.from({ length: random.chance(0.9) ? random.below(5) : random.below(80) }, () => {
    const key = random.chance(0.7) ? `k${random.hex(3)}` : `${random.hex(2)}@v${random.hex(2)}`;
    return `${key}=${random.hex(random.chance(0.95) ? random.below(20) : 300)}`;
  });
  return mutated(random, members.join(random.pick([',', ', ', ' , ', ',,'])));
}

function baggage(random: Random): string {
  const members = Array.from({ length: random.chance(0.9) ? random.below(6) : random.below(200) }, () => {
    const text = random.chance(0.8) ? random.hex(random.below(30)) : random.pick(NASTY);
    return `k${random.hex(2)}=${text}${random.chance(0.1) ? ';p=1' : ''}`;
  });
  if (random.chance(0.3)) members.splice(random.below(members.length + 1), 0, lineage(random));
  return mutated(random, members.join(','));
}

function lineage(random: Random): string {
  const count = (): string =>
    String(random.chance(0.8) ? random.below(64) : random.pick([-1, 1e9, 1e21, Number.NaN, 0.5]));
  const parts = [
    '1',
    count(),
    count(),
    count(),
    random.chance(0.5) ? '-' : random.hex(8),
    random.chance(0.5) ? '-' : count(),
    random.chance(0.5) ? '-' : `${random.hex(7)}~${random.hex(6)}`,
  ];
  return `throughline.lineage=${parts.join('.')}`;
}

function mutated(random: Random, text: string): string {
  let result = text;
  while (random.chance(0.35)) {
    const at = random.below(result.length + 1);
    switch (random.below(6)) {
      case 0:
        result = result.slice(0, at) + random.pick(NASTY) + result.slice(at);
        break;
      case 1:
        result =
          result.slice(0, at) +
          String.fromCharCode(random.below(random.chance(0.5) ? 128 : 65_536)) +
          result.slice(at + 1);
        break;
      case 2:
        result = result.slice(0, at);
        break;
      case 3:
        result = result.slice(at) + result;
        break;
      case 4:
        result = random.chance(0.5) ? result.toUpperCase() : `  ${result}\t`;
        break;
      default:
        // Rarely: it is what takes the time.
        result = random.chance(0.05) ? result + random.pick(NASTY).repeat(random.below(20_000)) : `${result},${result}`;
    }
  }
  return result;
}

function value(random: Random, text: string): unknown {
  if (random.chance(0.75)) return text;
  switch (random.below(12)) {
    case 0:
      return Buffer.from(text);
    case 1:
      return new Uint8Array(Array.from({ length: random.below(80) }, () => random.below(256)));
    case 2:
      return [text, text];
    case 3:
      return [Buffer.from(text), 7, null, [text]];
    case 4:
      return random.pick([null, undefined, 0, Number.NaN, true, 1n, Symbol('x')]);
    case 5:
      return { toString: () => text };
    case 6:
      return {
        toString: () => {
          throw new Error('toString');
        },
      };
    case 7:
      return Array.from({ length: random.below(300) }, () => text);
    case 8:
      return () => text;
    case 9:
      return new Date(Number.NaN);
    case 10:
      return new Proxy([], {
        get: () => {
          throw new Error('proxy');
        },
      });
    default:
      return [];
  }
}

function shaped(random: Random, entries: [unknown, unknown][]): unknown {
  if (random.chance(0.75)) return record(entries, random.chance(0.2) ? null : Object.prototype);
  switch (random.below(9)) {
    case 0:
      return new Map(entries);
    case 1:
      return entries;
    case 2:
      return entries.flat();
    case 3: {
      const throwing = record(entries, Object.prototype);
      Object.defineProperty(throwing, random.pick(['traceparent', 'baggage']), {
        enumerable: true,
        get: () => {
          throw new Error('getter');
        },
      });
      return throwing;
    }
    case 4:
      return new Proxy(record(entries, Object.prototype), {
        ownKeys: () => {
          throw new Error('ownKeys');
        },
      });
    case 5:
      return Object.freeze(record(entries, Object.prototype));
    case 6:
      return new Map(entries.map(([key, held]) => [Buffer.from(String(key)), held]));
    case 7:
      return random.pick([
        null,
        undefined,
        'traceparent',
        7,
        [],
        [[]],
        [null],
        new Date(),
        Symbol('x'),
        () => undefined,
      ]);
    default:
      try {
        return new Headers(entries.filter(([, held]) => typeof held === 'string') as [string, string][]);
      } catch {
        return new Headers();
      }
  }
}

function record(entries: [unknown, unknown][], prototype: object | null): Record<string, unknown> {
  const made = Object.create(prototype) as Record<string, unknown>;
  for (const [key, held] of entries)
    Object.defineProperty(made, String(key), { value: held, enumerable: true, configurable: true, writable: true });
  return made;
}
