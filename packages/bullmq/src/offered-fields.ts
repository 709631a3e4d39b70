import { propagation } from '@opentelemetry/api';
import type { HopOptions } from '@throughline/core';
import { guarded, w3cFields } from '@throughline/core/adapter';
import type { BullMQSettings } from './options.ts';

/** Returns the fields of a propagator that a job came with, `undefined` without any. Only text: what else somebody put there is not passed on. */
export function textFields(fields: object | undefined, { hop }: BullMQSettings): Record<string, string> | undefined {
  if (fields === undefined) return undefined;
  const texts: Record<string, string> = {};
  let count = 0;
  for (const name of new Set([...w3cFields, ...propagatorFields(hop.options.propagator)])) {
    const value: unknown = Object.hasOwn(fields, name) ? (fields as Record<string, unknown>)[name] : undefined;
    if (typeof value !== 'string') continue;
    texts[name] = value;
    if (name !== 'baggage') count++;
  }
  return count === 0 ? undefined : texts;
}

function propagatorFields(propagator: HopOptions['propagator']): readonly string[] {
  let names: readonly string[] = [];
  guarded('propagator', () => {
    names = typeof propagator === 'object' ? propagator.fields() : propagation.fields();
  });
  return names;
}

/** Returns fields whose baggage has no lineage. */
export function withoutLineage(fields: object | undefined): object | undefined {
  const { baggage } = (fields ?? {}) as { baggage?: unknown };
  if (typeof baggage !== 'string') return fields;
  const members = baggage.split(',').filter((member) => member.split('=', 1)[0]?.trim() !== LINEAGE);
  return { ...fields, baggage: members.join(',') };
}

const LINEAGE = 'throughline.lineage';
