/** What `demo --model` can have the stand-in for the model do. */
export const MOODS = [
  'well',
  'long-prompt',
  'cold-cache',
  'busy-provider',
  'another-region',
  'stalling',
  'cut-off',
  'wrong',
  'mixed',
  'failing',
] as const;

export type Mood = (typeof MOODS)[number];

/** Whether a text names a mood. */
export function isMood(text: string): text is Mood {
  return (MOODS as readonly string[]).includes(text);
}

/** The mood that the demo was asked for. */
export function mood(): Mood {
  const { DESK_MODEL = 'well' } = process.env;
  return isMood(DESK_MODEL) ? DESK_MODEL : 'well';
}
