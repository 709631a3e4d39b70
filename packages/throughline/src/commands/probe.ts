import type { ProbeOptions } from '../probe/options.ts';
import type { Register } from './command.ts';
import { port, whole } from './numbers.ts';

export const registerProbe: Register = (program, surroundings, exit) => {
  program
    .command('probe')
    .description(
      'Sends known, malformed, oversized and forged context to a running service, and says what it did with each.',
    )
    .argument(
      '[target...]',
      'the URL of a service, an MCP server (--mcp) or an agent (--a2a); a command after --mcp-stdio --',
    )
    .option('--mcp', 'the URL is an MCP server, over Streamable HTTP')
    .option('--mcp-stdio', 'the target is a command that starts an MCP server over stdio')
    .option('--a2a', 'the URL is that of an A2A agent, which has its card below it')
    .option('--method <method>', 'of HTTP, GET by default; of MCP, a list that the server has')
    .option('--data <text>', 'the body; the params of the MCP request; the text of the message to the agent')
    .option('--header <name: value>', 'a header of each request; repeatable', repeated)
    .option('--timeout <ms>', 'milliseconds that an answer may take', whole, 5000)
    .option('--public-edge', 'strangers reach the target: it should not continue their traces')
    .option('--callback', 'puts a URL of the probe where the request says {{callback}}, and looks at what comes there')
    .option('--callback-host <host>', 'the host by which the target reaches the probe', '127.0.0.1')
    .option('--third-party', 'the callback stands for somebody else: no baggage is to come there')
    .option('--collect', 'takes the spans of the target, at port 4318')
    .option('--otlp-port <port>', 'takes them at this port', port)
    .option('--settle <ms>', 'milliseconds that spans and calls may be late', whole, 6000)
    .option('--samples <n>', 'how often the sampled flag is forged; 0 for never', whole, 20)
    .option('--yes', 'probes a host that is not this machine')
    .option('--json', 'the report as JSON')
    .addHelpText('after', examples)
    .action(async (target: string[], options: ProbeOptions) => {
      const { probe } = await import('../probe/probe.ts');
      exit(await probe(target, options, surroundings));
    });
};

function repeated(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

const examples = `
Examples:
  $ throughline probe http://127.0.0.1:3000/plans --collect
  $ throughline probe http://127.0.0.1:3000/hook --method POST --data '{"url":"{{callback}}"}' --public-edge
  $ throughline probe --mcp http://127.0.0.1:3000/mcp --method tools/call --data '{"name":"search","arguments":{}}'
  $ throughline probe --mcp-stdio -- node server.js
  $ throughline probe --a2a http://127.0.0.1:4000 --data 'What is the time?'

Each case is judged by what the target's spans, its calls and its answers say, and is unknown where nothing does.
Exit codes: 0 nothing fails, 1 something does, 2 the target cannot be reached.`;
