import { amountOf } from './known-attributes.ts';
import type { KnownAttributes } from './known-attributes.ts';

/**
 * Returns what a line of the tree says of a turn or of a call of a model, as `@throughline/agent` records it: where its time went, what was
 * tried again, what of the prompt was cached, who served, what failed in silence.
 */
export function notesOf(attributes: KnownAttributes, signals: Iterable<string>): string[] {
  if (attributes.isEmpty) return [];
  const phase = attributes.text('throughline.model.slowest_phase');
  const notes = phase === undefined ? [] : callNotes(attributes, phase);
  if (attributes.text('throughline.turn.outcome') === 'ok_after_retries') notes.push('ok after retries');
  notes.push(...signals);
  return notes;
}

function callNotes(attributes: KnownAttributes, phase: string): string[] {
  const notes = [`mostly ${phase}`];
  const attempts = attributes.number('throughline.model.attempts') ?? 1;
  if (attempts > 1) notes.push(`${attempts} attempts`);
  const queue = amountOf(attributes.get('throughline.model.queue.time'));
  if (queue !== undefined && queue > 0) notes.push(`${Number(queue.toFixed(2))} s in queue`);
  const input = attributes.number('gen_ai.usage.input_tokens');
  const cached = attributes.number('gen_ai.usage.cache_read.input_tokens');
  if (input !== undefined) notes.push(cached === undefined ? `${input} in` : `${input} in of which ${cached} cached`);
  const region = attributes.text('throughline.model.region');
  if (region !== undefined) notes.push(region);
  return notes;
}
