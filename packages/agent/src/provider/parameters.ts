/** Returns a value that is a number. */
export function numberIn(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** Returns texts, of which one may stand alone. */
export function textsIn(value: unknown): readonly string[] | undefined {
  if (typeof value === 'string') return [value];
  if (!Array.isArray(value) || value.length === 0) return undefined;
  return (value as unknown[]).filter((one) => typeof one === 'string');
}

/** Returns what the conventions call a format of the answer: `text` or `json`. */
export function outputTypeIn(format: unknown): string | undefined {
  if (typeof format !== 'string') return undefined;
  return format.startsWith('json') ? 'json' : format;
}
