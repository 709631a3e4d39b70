import { startModel } from '@throughline/model-stand-in';
import type { RunningModel } from '@throughline/model-stand-in';
import { nextMove } from './conversation.ts';

/** Starts a model that does as it is told; see `nextMove`. Answers of one caller overtake those of another. */
export function startObedientModel(): Promise<RunningModel> {
  return startModel({
    answer: ({ conversation }) => {
      const move = nextMove(conversation);
      const said = move.tool === undefined ? move : { toolCalls: [{ name: move.tool, input: move.input }] };
      return { ...said, usage: { input: 20, output: 10 }, wait: { headers: Math.random() * 20, chunk: 1 } };
    },
  });
}
