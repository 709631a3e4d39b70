const QUESTIONS = [
  'Which context does a Kafka handler run in?',
  'What is an orphan?',
  'What happens to baggage at a boundary?',
  'How is a deadline refused?',
  'What does the collector reject?',
  'Which spans does a tool call open?',
  'When is a trace restarted with a link?',
  'How does a stream keep its context?',
  'What is a phantom parent?',
  'Who sends the tracestate?',
] as const;

/** Returns so many questions for the desk; from the eleventh on they come again. */
export function questions(count: number): string[] {
  return Array.from({ length: count }, (_, at) => QUESTIONS[at % QUESTIONS.length] ?? QUESTIONS[0]);
}
