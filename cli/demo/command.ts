/**
 * `glassway demo`: starts the mock provider, sends synthetic calls through the running proxy, shows progress and
 * what was sent, and gives the exit code: 0, or 1 when it could not start or no call succeeded. Stopping it by
 * its signal is a good end too. Leaves nothing running.
 */
import { request } from 'undici';
import { StartError } from '../../contract/listen.ts';
import { KEY_HEADER } from '../../proxy/admit.ts';
import { type DemoKeys, makeDemoKeys, waitForKeys } from './demo-keys.ts';
import { progressLine, summaryText } from './display.ts';
import { field, text } from './json.ts';
import { type MockProvider, startMockProvider } from './mock-provider.ts';
import { parseDemoOptions } from './options.ts';
import { runTraffic, type TrafficProgress } from './traffic.ts';

export { parseDemoOptions } from './options.ts';

export interface DemoOptions {
  readonly proxyUrl: string;
  readonly consoleUrl: string;
  /** Where the built-in upstreams `demo-openai`, `demo-anthropic` and `demo-gemini` point to. */
  readonly mockHost: string;
  readonly mockPort: number;
  /** Where the proxy reads its keys, should it ask for them. */
  readonly keysFile: string;
  readonly rate: number;
  readonly minutes: number;
  readonly seed: number;
  readonly out: NodeJS.WritableStream;
  readonly signal: AbortSignal;
}

const PROXY_CHECK_TIMEOUT_MS = 5_000;
const PLAIN_LINE_EVERY_S = 5;
/** Back to the line's start, and clear it (ECMA-48, EL). */
const REWRITE_LINE = '\r\u001b[2K';

export async function runDemo(options: DemoOptions): Promise<number> {
  const { out } = options;
  const say = (line: string): void => {
    out.write(`${line}\n`);
  };
  let mock: MockProvider | undefined;
  let keys: DemoKeys | undefined;
  try {
    parseDemoOptions(options);
    const asksForKeys = (await refusal(options.proxyUrl)) === 'key_missing';
    mock = await startMock(options);
    if (asksForKeys) keys = await openKeys(options, say);
    say(`A mock provider answers at ${mock.url}; calls go through ${options.proxyUrl}. Ctrl-C ends the demo.`);
    say(`Watch them arrive: ${options.consoleUrl}`);
    const progress = progressWriter(out);
    const summary = await runTraffic({ ...options, keys: keys?.keys, onProgress: progress.show });
    progress.end();
    say(summaryText(summary, mock.sent()));
    say(`See the calls: ${options.consoleUrl}`);
    return summary.ok > 0 || options.signal.aborted ? 0 : 1;
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    say(error.message);
    return 1;
  } finally {
    await mock?.close();
    keys?.remove();
  }
}

async function openKeys({ proxyUrl, keysFile, minutes }: DemoOptions, say: (line: string) => void): Promise<DemoKeys> {
  const keys = makeDemoKeys(keysFile, minutes, new Date());
  try {
    await waitForKeys(keys, keysFile, (key) => refusal(proxyUrl, key));
  } catch (error) {
    keys.remove();
    throw error;
  }
  say(`The proxy asks for keys: ${keys.keys.size} are in ${keysFile} until the demo ends.`);
  return keys;
}

/**
 * The code with which the proxy itself refuses; any HTTP answer will do, since an empty path names no upstream.
 * @throws StartError when nothing answers
 */
async function refusal(proxyUrl: string, key?: string): Promise<string | undefined> {
  try {
    const answer = await request(new URL('/', proxyUrl), {
      headers: key === undefined ? {} : { [KEY_HEADER]: key },
      headersTimeout: PROXY_CHECK_TIMEOUT_MS,
      bodyTimeout: PROXY_CHECK_TIMEOUT_MS,
      signal: AbortSignal.timeout(PROXY_CHECK_TIMEOUT_MS),
    });
    await answer.body.dump();
    return text(answer.headers['x-glassway-error']);
  } catch (error) {
    throw new StartError(`No proxy answers at ${proxyUrl} (${codeOf(error)}). Start Glassway in another terminal first: npm start`);
  }
}

/** @throws StartError */
async function startMock(options: DemoOptions): Promise<MockProvider> {
  try {
    return await startMockProvider({ host: options.mockHost, port: options.mockPort, seed: options.seed, errors: true });
  } catch (error) {
    const where = `${options.mockHost}:${options.mockPort}`;
    if (codeOf(error) === 'EADDRINUSE')
      throw new StartError(`Port ${options.mockPort} is in use (${where}); the mock provider needs it. Is another demo running?`);
    throw new StartError(`The mock provider cannot listen on ${where} (${codeOf(error)}).`);
  }
}

function codeOf(error: unknown): string {
  return text(field(error, 'code')) || String(error);
}

/** On a terminal one line that is rewritten; elsewhere a line every few seconds. */
function progressWriter(out: NodeJS.WritableStream): { show(progress: TrafficProgress): void; end(): void } {
  const terminal = 'isTTY' in out && out.isTTY === true;
  const columns = 'columns' in out && typeof out.columns === 'number' ? out.columns : Number.POSITIVE_INFINITY;
  let next_s = PLAIN_LINE_EVERY_S;
  return {
    show: (progress) => {
      if (terminal) {
        // A line that wraps could not be rewritten.
        out.write(REWRITE_LINE + progressLine(progress).slice(0, columns - 1));
      } else if (progress.elapsed_s >= next_s) {
        next_s = progress.elapsed_s + PLAIN_LINE_EVERY_S;
        out.write(`${progressLine(progress)}\n`);
      }
    },
    end: () => {
      out.write(terminal ? '\n\n' : '\n');
    },
  };
}
