/** Returns text, or none of what is no text. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Returns a list, or an empty one of what is none. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
