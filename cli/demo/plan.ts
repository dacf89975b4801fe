/**
 * The demo's calls, one by one, each with its moment: Poisson arrivals around a rate that swells and ebbs.
 * Rate, length and seed decide every call and moment; nothing here knows the clock. Holds a few sessions only.
 */
import { bodyOf, type CallBody, userAgentOf } from './call-bodies.ts';
import { DEMO_PROJECTS, type DemoProject } from './projects.ts';
import { proseTokens } from './prose.ts';
import { createRandom, type Random } from './random.ts';
import { LABEL_HEADER } from './totals.ts';

export interface PlannedCall extends CallBody {
  readonly at_s: number;
  readonly project: string;
  /** The client hangs up once it has this many bytes of the answer. */
  readonly abortAfterBytes: number | undefined;
}

interface Session {
  readonly id: string;
  readonly user: string;
  turns: number;
}

const SESSIONS_OPEN_MAX = 24;
const TURNS_MAX = 12;
const PROMPT_TOKENS_MAX = 8_000;
const ABORT_SHARE = 0.02;
/** Of OpenAI's chat streams: how many callers ask for usage. */
const ASKS_USAGE_SHARE = 0.9;
/** The longer wave runs once over the whole demo, like a day; the shorter is a minute's. */
const DAY_WAVE = 0.25;
const MINUTE_WAVE = 0.15;
const WAVE_MAX = 1 + DAY_WAVE + MINUTE_WAVE;

/** The rate at a moment, relative to the mean over the run. */
function waveAt(at_s: number, total_s: number): number {
  return 1 - DAY_WAVE * Math.cos((2 * Math.PI * at_s) / total_s) + MINUTE_WAVE * Math.sin((2 * Math.PI * at_s) / 60);
}

export function* planCalls(options: { readonly rate: number; readonly minutes: number; readonly seed: number }): Generator<PlannedCall> {
  const total_s = options.minutes * 60;
  const arrivals = createRandom('arrivals', options.seed);
  const calls = createRandom('calls', options.seed);
  const sessions = new Map<string, Session[]>();
  let at_s = 0;
  while (true) {
    at_s += arrivals.exponential(1 / (options.rate * WAVE_MAX));
    if (at_s >= total_s) return;
    // Thinning: of arrivals at the highest rate, keep as many as this moment's rate wants.
    if (arrivals.chance(waveAt(at_s, total_s) / WAVE_MAX)) yield planCall(at_s, calls, sessions);
  }
}

function planCall(at_s: number, random: Random, sessions: Map<string, Session[]>): PlannedCall {
  const project = random.weighted(DEMO_PROJECTS);
  const entry = random.weighted(project.mix);
  const session = sessionOf(project, random, sessions);
  const stream = random.chance(entry.streamShare);
  const history = 1 + 0.6 * (session.turns - 1);
  const promptTokens = Math.min(Math.ceil(random.logNormal(project.promptTokensMedian, 0.6) * history), PROMPT_TOKENS_MAX);
  const call = bodyOf(entry.kind, {
    model: entry.model,
    stream,
    text: proseTokens(random, promptTokens).join(''),
    system: `You help the ${project.team} team. Answer in short, plain sentences.`,
    tools: random.chance(project.toolShare),
    think: project.name === 'code-review' && random.chance(0.4),
    askUsage: random.chance(ASKS_USAGE_SHARE),
    userId: session.user,
  });
  const abortAfterBytes = stream && random.chance(ABORT_SHARE) ? random.int(200, 6_000) : undefined;
  return {
    ...call,
    at_s,
    project: project.name,
    abortAfterBytes,
    headers: { ...call.headers, ...headersOf(project, entry.kind, session, random) },
  };
}

function headersOf(
  project: DemoProject,
  kind: Parameters<typeof userAgentOf>[0],
  session: Session,
  random: Random,
): Record<string, string> {
  return {
    'user-agent': userAgentOf(kind, project.language),
    'accept-encoding': 'gzip',
    'x-glassway-project': project.name,
    'x-glassway-user': session.user,
    'x-glassway-session': session.id,
    'x-glassway-tag-env': random.chance(0.88) ? 'production' : 'staging',
    'x-glassway-tag-feature': random.pick(project.features),
    'x-glassway-tag-team': project.team,
    [LABEL_HEADER]: project.name,
  };
}

function sessionOf(project: DemoProject, random: Random, sessions: Map<string, Session[]>): Session {
  const open = sessions.get(project.name) ?? [];
  sessions.set(project.name, open);
  if (open.length > 0 && random.chance(project.followUp)) {
    const session = random.pick(open);
    session.turns += 1;
    if (session.turns >= TURNS_MAX) open.splice(open.indexOf(session), 1);
    return session;
  }
  // Squaring makes a few users frequent and most of them rare.
  const user = `user-${1 + Math.floor(project.users * random.next() ** 2)}`;
  const session = { id: `session-${random.text(12)}`, user, turns: 1 };
  open.push(session);
  if (open.length > SESSIONS_OPEN_MAX) open.shift();
  return session;
}
