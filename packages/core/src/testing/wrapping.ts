import assert from 'node:assert/strict';
import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import { inCaller } from './bench.ts';
import type { Bench } from './bench.ts';
import type { WrappedFunction, WrappedObject } from './harness.ts';
import type { Rule } from './rule.ts';
import { hearingWarnings } from './watch.ts';

type Method = (...args: unknown[]) => unknown;
type Methods = Record<string, Method>;

/** One form in which people have a library's object: it has the method, a second that calls it by `this`, and a member of its own. */
interface Form {
  readonly what: string;
  make(library: Methods, method: string): object;
  /**
   * What becomes of the call by `this`; traced by default. `traced or told`: nothing can stand for `this` of `#private` fields, and then
   * `diag` says so. `as the class does it`: within a class with `#private` fields, such a call is as a library's own.
   */
  readonly viaThis?: 'traced or told' | 'as the class does it';
}

/** The method that calls the traced one by `this`. */
const INDIRECT = 'viaThis';

const call = (target: object, method: string, args: unknown[]): unknown =>
  Reflect.apply((target as Methods)[method] as Method, target, args);

/** Other methods and members of the library stay reachable: a wrapper asks for `on`, a client for `transport`. */
function passOn(holder: object, library: Methods, method: string): void {
  for (
    let from: object | null = library;
    from !== null && from !== Object.prototype;
    from = Object.getPrototypeOf(from) as object | null
  ) {
    for (const key of Reflect.ownKeys(from)) {
      if (key === method || key === 'constructor' || Object.hasOwn(holder, key) || key in holder) continue;
      Object.defineProperty(holder, key, {
        get: () => {
          const value: unknown = Reflect.get(library, key);
          return typeof value === 'function'
            ? (...args: unknown[]): unknown => Reflect.apply(value, library, args)
            : value;
        },
        set: (value: unknown) => {
          Reflect.set(library, key, value);
        },
        configurable: true,
        enumerable: true,
      });
    }
  }
}

type Class = new () => object;

/** A class that has the method, and a second that calls it by `this`. */
function classOf(library: Methods, method: string): Class {
  class Client {
    library = library;
    label = 'mine';
  }
  Object.assign(Client.prototype, {
    [method](this: Client, ...args: unknown[]): unknown {
      return call(this.library, method, args);
    },
    [INDIRECT]: indirectOf(method),
  });
  passOn(Client.prototype, library, method);
  return Client;
}

/** The same, with fields that nothing but its own instances has. */
function privateClassOf(library: Methods, method: string): Class {
  class Client {
    readonly #library = library;
    readonly #label = 'mine';
    get label(): string {
      return this.#label;
    }
    forward(args: unknown[]): unknown {
      return call(this.#library, method, args);
    }
    [INDIRECT](...args: unknown[]): unknown {
      return this.#label === 'mine' ? call(this, method, args) : undefined;
    }
  }
  (Client.prototype as unknown as Methods)[method] = function (this: Client, ...args) {
    return this.forward(args);
  };
  passOn(Client.prototype, library, method);
  return Client;
}

/** A method that calls another one by `this`: in source, as people write it. */
function indirectOf(method: string): Method {
  // oxlint-disable-next-line no-implied-eval, no-new-func -- the name of the method is part of the source
  const made = new Function(`return { ${INDIRECT}(...args) { return this.${method}(...args); } };`) as () => Methods;
  return made()[INDIRECT] as Method;
}

/** A class below, with a method of its own that calls the one above by `this`: in source, as people write it. */
function subclassOf(above: Class, method: string, field: string): Class {
  const source = `return class Agent extends Above { ${field} ${INDIRECT}(...args) { return this.${method}(...args); } }`;
  // oxlint-disable-next-line no-implied-eval, no-new-func -- the name of the method is part of the source
  const made = new Function('Above', source) as (above: Class) => Class;
  return made(above);
}

const forms: readonly Form[] = [
  {
    what: 'a plain object with methods',
    make(library, method) {
      const object = {
        library,
        label: 'mine',
        [method](this: { library: Methods }, ...args: unknown[]): unknown {
          return call(this.library, method, args);
        },
        [INDIRECT](this: object, ...args: unknown[]): unknown {
          return call(this, method, args);
        },
      };
      passOn(object, library, method);
      return object;
    },
  },
  {
    what: 'an object made by Object.create',
    make(library, method) {
      const proto = {
        [method](this: { library: Methods }, ...args: unknown[]): unknown {
          return call(this.library, method, args);
        },
        [INDIRECT](this: object, ...args: unknown[]): unknown {
          return call(this, method, args);
        },
      };
      passOn(proto, library, method);
      return Object.create(proto, {
        library: { value: library },
        label: { value: 'mine', writable: true, enumerable: true },
      }) as object;
    },
  },
  {
    what: 'an instance of a class',
    make: (library, method) => new (classOf(library, method))(),
  },
  {
    what: 'an instance of a class with #private fields',
    viaThis: 'as the class does it',
    make: (library, method) => new (privateClassOf(library, method))(),
  },
  {
    what: 'an instance of a subclass',
    make: (library, method) => new (subclassOf(classOf(library, method), method, ''))(),
  },
  {
    what: 'an instance of a subclass of a class with #private fields',
    make: (library, method) => new (subclassOf(privateClassOf(library, method), method, ''))(),
  },
  {
    what: 'an instance of a subclass with #private fields of its own',
    viaThis: 'traced or told',
    make: (library, method) => new (subclassOf(classOf(library, method), method, '#own = true;'))(),
  },
  {
    what: 'a frozen object',
    make(library, method) {
      const object = {
        library,
        label: 'mine',
        [method](this: { library: Methods }, ...args: unknown[]): unknown {
          return call(this.library, method, args);
        },
        [INDIRECT](this: object, ...args: unknown[]): unknown {
          return call(this, method, args);
        },
      };
      passOn(object, library, method);
      return Object.freeze(object);
    },
  },
];

/** Uses an object in a caller's span, and returns the spans that it made, as sorted text. */
async function spansOf(bench: Bench, wrapped: WrappedObject, object: object, method: string): Promise<string[]> {
  await bench.telemetry.reset();
  const { span } = await inCaller(() => wrapped.use(object as Methods, method));
  return bench.telemetry
    .spans()
    .filter((one) => one.spanContext().spanId !== span.spanContext().spanId)
    .map((one) => `${one.kind} ${one.name}`)
    .sort();
}

const inRoot = <T>(fn: () => T): T => context.with(ROOT_CONTEXT, fn);

/** The rules about objects that are wrapped. */
export function objectRules(wrapped: WrappedObject): Rule[] {
  const { method } = wrapped;
  const wrap = (bench: Bench, object: object): object => wrapped.wrap(object, bench.options());
  const library = async (): Promise<Methods> => (await inRoot(() => wrapped.library())) as Methods;
  /** The spans of one use, of the library's own object wrapped. */
  const expected = async (bench: Bench): Promise<string[]> => {
    const spans = await spansOf(bench, wrapped, wrap(bench, await library()), method);
    assert(spans.length > 0, `\`${method}\` of the library's own object, wrapped, is traced`);
    return spans;
  };
  return [
    {
      name: "the library's own object, wrapped once or twice, makes the same spans, and is itself not changed",
      async run(bench) {
        const spans = await expected(bench);
        const own = await library();
        const twice = wrap(bench, wrap(bench, own));
        assert.deepEqual(await spansOf(bench, wrapped, twice, method), spans, 'wrapped twice it is wrapped once');
        assert.equal(twice.constructor, own.constructor, 'it is of the same class');
        const bare = await library();
        wrap(bench, bare);
        assert.deepEqual(await spansOf(bench, wrapped, bare, method), [], 'what was handed in is not traced');
      },
    },
    ...forms.flatMap(({ what, make, viaThis }): Rule[] => [
      {
        name: `${what}: \`${method}\` is traced, runs on the object, and its other members are there`,
        async run(bench) {
          const spans = await expected(bench);
          const object = make(await library(), method);
          const traced = wrap(bench, object);
          assert.equal((traced as { label?: unknown }).label, 'mine', 'a member of its own is there');
          assert(
            Object.prototype.isPrototypeOf.call(Object.getPrototypeOf(object) as object, traced),
            'it is of the same kind',
          );
          assert.deepEqual(await spansOf(bench, wrapped, traced, method), spans);
          const bare = make(await library(), method);
          wrap(bench, bare);
          assert.deepEqual(await spansOf(bench, wrapped, bare, method), [], 'what was handed in is not traced');
        },
      },
      {
        name: `${what}: a method that calls \`this.${method}\` is ${viaThis === 'as the class does it' ? 'never traced twice' : (viaThis ?? 'traced')}`,
        async run(bench) {
          const spans = await expected(bench);
          const { result, warnings } = await hearingWarnings(async () => {
            const traced = wrap(bench, make(await library(), method));
            return spansOf(bench, wrapped, traced, INDIRECT);
          });
          const told = warnings.some((warning) => warning.startsWith('throughline: '));
          const past = viaThis === 'as the class does it' || (viaThis === 'traced or told' && told);
          assert.deepEqual(result, past && result.length === 0 ? [] : spans);
        },
      },
    ]),
  ];
}

/** The rules about functions that are wrapped. */
export function functionRules(wrapped: WrappedFunction): Rule[] {
  return [
    {
      name: 'a function that is wrapped runs with the `this` and the arguments that it is called with',
      async run(bench) {
        const seen: unknown[] = [];
        function own(this: unknown, ...args: unknown[]): string {
          seen.push(this, args.length);
          return 'mine';
        }
        const object = { traced: wrapped.wrap(own, bench.options()) };
        const args = wrapped.args();
        await inCaller(async () => object.traced(...args));
        assert.equal(seen[0], object, '`this` is the object that it is a method of');
        assert(Number(seen[1]) >= args.length, 'it gets its arguments');
        assert.equal(bench.telemetry.spans().length, 2, "the hop's span, and the caller's");
      },
    },
    {
      name: 'a function that is wrapped twice is wrapped once, and the one that was handed in is not traced',
      async run(bench) {
        const own = (...args: unknown[]): number => args.length;
        const twice = wrapped.wrap(wrapped.wrap(own, bench.options()), bench.options());
        await inCaller(async () => twice(...wrapped.args()));
        assert.equal(bench.telemetry.spans().length, 2, "one hop's span, and the caller's");
        await bench.telemetry.reset();
        await inCaller(async () => own(...wrapped.args()));
        assert.equal(bench.telemetry.spans().length, 1, "the caller's span alone");
      },
    },
  ];
}
