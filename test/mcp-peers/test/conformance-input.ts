// Tools and a prompt that need input of their caller: by requests of their own in 2025-11-25, in several rounds in 2026-07-28.
import {
  acceptedContent,
  CLIENT_CAPABILITIES_META_KEY,
  createRequestStateCodec,
  inputRequired,
} from '@modelcontextprotocol/server';
import type {
  CallToolResult,
  ClientCapabilities,
  InputRequest,
  InputRequiredResult,
  McpServer,
  ServerContext,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { description } from './conformance-content.ts';

/** Signs what goes out as state, and refuses what comes back otherwise. */
export const state = createRequestStateCodec<{ readonly round: number }>({ key: crypto.randomUUID().repeat(2) });

const none = z.object({});
const said = (text: string) => ({ content: [{ type: 'text' as const, text }] });
const question = (message: string, field: string, type: 'string' | 'boolean' = 'string') =>
  inputRequired.elicit({
    message,
    requestedSchema: {
      type: 'object',
      properties: { [field]: type === 'string' ? { type } : { type } },
      required: [field],
    },
  });
const greeting = inputRequired.createMessage({
  messages: [{ role: 'user', content: { type: 'text', text: 'Generate a greeting' } }],
  maxTokens: 50,
});
const userName = question('What is your name?', 'name');
const confirm = question('Please confirm', 'ok', 'boolean');

type Result = CallToolResult | InputRequiredResult;

/** Registers what the scenarios of `InputRequiredResult` call. */
export function registerInput(server: McpServer): void {
  const tool = (name: string, answer: (context: ServerContext) => Result | Promise<Result>): void => {
    server.registerTool(`test_input_required_result_${name}`, { description, inputSchema: none }, (_, context) =>
      answer(context),
    );
  };

  tool('elicitation', ({ mcpReq }) => {
    const given = acceptedContent<{ name: string }>(mcpReq.inputResponses, 'user_name');
    return given === undefined
      ? inputRequired({ inputRequests: { user_name: userName } })
      : said(`Hello, ${given.name}!`);
  });
  tool('sampling', ({ mcpReq }) => {
    const given = mcpReq.inputResponses?.['capital_question'];
    return given === undefined
      ? inputRequired({ inputRequests: { capital_question: greeting } })
      : said(JSON.stringify(given));
  });
  tool('list_roots', ({ mcpReq }) => {
    const given = mcpReq.inputResponses?.['client_roots'];
    return given === undefined
      ? inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } })
      : said(JSON.stringify(given));
  });
  tool('request_state', async ({ mcpReq }) =>
    acceptedContent(mcpReq.inputResponses, 'confirm') === undefined || mcpReq.requestState() === undefined
      ? inputRequired({ inputRequests: { confirm }, requestState: await state.mint({ round: 1 }) })
      : said('state-ok'),
  );
  tool('tampered_state', async ({ mcpReq }) =>
    acceptedContent(mcpReq.inputResponses, 'confirm') === undefined || mcpReq.requestState() === undefined
      ? inputRequired({ inputRequests: { confirm }, requestState: await state.mint({ round: 1 }) })
      : said('integrity-ok'),
  );
  tool('multiple_inputs', async ({ mcpReq }) => {
    const inputRequests = { user_name: userName, greeting, client_roots: inputRequired.listRoots() };
    const given = mcpReq.inputResponses ?? {};
    return Object.keys(inputRequests).every((key) => key in given)
      ? said('all there')
      : inputRequired({ inputRequests, requestState: await state.mint({ round: 1 }) });
  });
  tool('multi_round', async ({ mcpReq }) => {
    const round = mcpReq.requestState<{ round: number }>()?.round ?? 0;
    if (round === 2) return said('done');
    const step =
      round === 0 ? question('Step 1: What is your name?', 'name') : question('Step 2: Which color?', 'color');
    return inputRequired({
      inputRequests: { [`step${round + 1}`]: step },
      requestState: await state.mint({ round: round + 1 }),
    });
  });
  tool('capabilities', ({ mcpReq }) => {
    if (mcpReq.inputResponses !== undefined) return said('done');
    const envelope = mcpReq.envelope as Record<string, ClientCapabilities> | undefined;
    const declared = envelope?.[CLIENT_CAPABILITIES_META_KEY];
    const inputRequests: Record<string, InputRequest> = {
      ...(declared?.elicitation && { user_name: userName }),
      ...(declared?.sampling && { greeting }),
      ...(declared?.roots && { client_roots: inputRequired.listRoots() }),
    };
    return Object.keys(inputRequests).length === 0 ? said('nothing to ask with') : inputRequired({ inputRequests });
  });
  // A client that cannot be asked is told so.
  server.registerTool('test_missing_capability', { description }, ({ mcpReq }) =>
    mcpReq.inputResponses === undefined ? inputRequired({ inputRequests: { greeting } }) : said('done'),
  );
  server.registerPrompt('test_input_required_result_prompt', { description }, ({ mcpReq }) => {
    const given = acceptedContent<{ context: string }>(mcpReq.inputResponses, 'user_context');
    if (given === undefined)
      return inputRequired({ inputRequests: { user_context: question('What context?', 'context') } });
    return { messages: [{ role: 'user', content: { type: 'text', text: given.context } }] };
  });
}
