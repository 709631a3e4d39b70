import type { KnownAttributes } from './known-attributes.ts';

/** Returns what a line of the tree says of a turn or of a call of a model: where its time went, what was tried again, what failed in silence. */
export function notesOf(attributes: KnownAttributes, signals: Iterable<string>): string[] {
  if (attributes.isEmpty) return [];
  const notes: string[] = [];
  const phase = attributes.text('throughline.model.slowest_phase');
  if (phase !== undefined) notes.push(`mostly ${phase}`);
  const attempts = attributes.number('throughline.model.attempts') ?? 1;
  if (attempts > 1) notes.push(`${attempts} attempts`);
  if (attributes.text('throughline.turn.outcome') === 'ok_after_retries') notes.push('ok after retries');
  notes.push(...signals);
  return notes;
}
