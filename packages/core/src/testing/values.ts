import { SPAN, TRACE, traceparent } from './bench.ts';
import type { ContractCarrier, Field } from './harness.ts';

/** A value that can be thrown, and the `error.type` of a span that ended with it. */
export interface Throwable {
  readonly what: string;
  readonly value: unknown;
  readonly errorType: string;
}

class Failure extends Error {
  override readonly name = 'Failure';
}

/** Values of every kind that code throws. */
export function throwables(): Throwable[] {
  const unreadable = {};
  for (const member of ['name', 'message', 'code', 'stack', 'status', 'cause', 'constructor']) {
    Object.defineProperty(unreadable, member, {
      get(): never {
        throw new Error(`the getter of ${member}`);
      },
    });
  }
  return [
    { what: 'an Error', value: new Error('mine'), errorType: 'Error' },
    { what: 'an Error of a class of its own', value: new Failure('mine'), errorType: 'Failure' },
    {
      what: 'an Error with a code',
      value: Object.assign(new Error('mine'), { code: 'ERR_MINE' }),
      errorType: 'ERR_MINE',
    },
    {
      what: 'a TypeError around an Error with a code, as of fetch',
      value: new TypeError('mine', { cause: Object.assign(new Error('behind it'), { code: 'ERR_BEHIND' }) }),
      errorType: 'ERR_BEHIND',
    },
    { what: 'a frozen Error', value: Object.freeze(new RangeError('mine')), errorType: 'RangeError' },
    {
      what: 'an Error whose getters throw',
      value: Object.setPrototypeOf(unreadable, Error.prototype),
      errorType: '_OTHER',
    },
    { what: 'undefined', value: undefined, errorType: '_OTHER' },
    { what: 'null', value: null, errorType: '_OTHER' },
    { what: '0', value: 0, errorType: '_OTHER' },
    { what: 'an empty string', value: '', errorType: '_OTHER' },
    { what: 'a string', value: 'mine', errorType: '_OTHER' },
    { what: 'a symbol', value: Symbol('mine'), errorType: '_OTHER' },
    { what: 'a frozen object', value: Object.freeze({ mine: true }), errorType: '_OTHER' },
    { what: 'an object without a prototype', value: Object.create(null), errorType: '_OTHER' },
  ];
}

/** Carriers whose `traceparent` is not valid. */
export function invalidFields(carrier: ContractCarrier): Field[][] {
  const texts = [
    'x',
    '00',
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-01-extra`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-0x`,
    `${traceparent()},${traceparent()}`,
    'a'.repeat(7000),
  ];
  // What Node does not let through as a header.
  if (carrier !== 'http') texts.push('', `${traceparent()}\n`, '\u2028', '\ud800', '00-\u0660'.padEnd(55, '\u0660'));
  return texts.map((text): Field[] => [['traceparent', text]]);
}

/** Carriers that hold a valid `traceparent`, beside what no sender means well with. */
export function hostileFields(carrier: ContractCarrier): Field[][] {
  const valid: Field = ['traceparent', traceparent()];
  const texts: Field[][] = [
    [['tracestate', 'a=1,a=2,=,,,===']],
    [['tracestate', Array.from({ length: 40 }, (_, at) => `k${at}=v`).join(',')]],
    [['baggage', '%%%=%zz,__proto__=1,constructor=2,a=b;c=d;;;,=,,']],
    [['baggage', Array.from({ length: 300 }, (_, at) => `key${at}=${'v'.repeat(15)}`).join(',')]],
    [['baggage', `throughline.lineage=1.${'9'.repeat(400)}.32.1.-.-.-`]],
    [['baggage', 'throughline.lineage=1.-5.x.0.zzzz.~.~~~~']],
    [['baggage', 'throughline.lineage=1.1.32.1.-.-.-,throughline.lineage=1.9.32.1.-.-.-']],
    [
      ['__proto__', 'polluted'],
      ['constructor', 'x'],
      ['toString', 'x'],
    ],
  ];
  if (carrier !== 'http') {
    texts.push(
      [['baggage', `big=${'x'.repeat(200_000)}`]],
      [['baggage', 'a=\u0000\u001b[31m\r\nInjected: yes,b=\ud800']],
      [['tracestate', 'a=\r\nb']],
    );
  }
  return texts.map((fields) => [valid, ...fields]);
}

/** Values that are no text, in a place where a carrier can hold them. */
export function wrongValues(carrier: ContractCarrier): unknown[] {
  if (carrier === 'message') return [Uint8Array.of(0xff, 0xfe, 0x00), new Uint8Array(100_000)];
  return [7, 0, null, true, {}, { toString: 'x' }, [], [traceparent()], [[]]];
}
