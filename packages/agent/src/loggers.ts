import { guarded } from '@throughline/core/adapter';
import { logFields } from './log-fields.ts';
import type { LogFields } from './log-fields.ts';

/**
 * Returns a `mixin` of pino, which gives each line what {@link logFields} says. What the line says itself comes first.
 *
 * @example
 * ```ts
 * const logger = pino({ mixin: pinoMixin() });
 * ```
 */
export function pinoMixin(): () => LogFields {
  return () => logFields();
}

/**
 * Returns the `defaultMeta` of a winston logger, with yours in it: each line has what {@link logFields} says where it is logged. It is no format,
 * because winston runs formats late: as soon as a transport is slow, a line is formatted in the context of another one, and would have
 * the ids of another trace.
 *
 * @example
 * ```ts
 * const logger = winston.createLogger({ defaultMeta: winstonFields({ service: 'desk' }), format: winston.format.json(), transports });
 * ```
 */
export function winstonFields(meta: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  let fields: Record<string, unknown> = {};
  // winston copies `defaultMeta` into each line by `Object.assign`, which asks for the names and then for each value.
  return new Proxy<Record<string, unknown>>(
    {},
    {
      ownKeys: () => {
        fields = logFields();
        guarded('logger', () => (fields = { ...fields, ...meta }));
        return Reflect.ownKeys(fields);
      },
      getOwnPropertyDescriptor: (_, name) =>
        Object.hasOwn(fields, name)
          ? { value: fields[name as string], enumerable: true, configurable: true, writable: true }
          : undefined,
      get: (_, name) => fields[name as string],
    },
  );
}
