/** How to send calls through Glassway: a first call for each client, to copy, and a wait for it to arrive. */
import type { CallsAnswer, StatusAnswer } from '../api-types.ts';
import { html, useEffect, useState, type VNode } from '../vendor/preact.js';
import { CopyButton } from './call-facts.ts';
import { useLoaded } from './data.ts';
import { plainClick } from './parts.ts';
import { CLIENTS } from './snippet-table.ts';
import { KEY_VARIABLE, makeSnippet } from './snippets.ts';
import { type Change, formatState, type PageState } from './url-state.ts';

interface ConnectProps {
  readonly status: StatusAnswer | undefined;
  readonly state: PageState;
  readonly change: Change;
  /** No call has come yet, of any project. */
  readonly first: boolean;
}

/** What a header can carry: printable, and at most as long as a project's name may be. */
const PROJECT = /^[\x20-\x7e]{0,128}$/;
const ADDRESS = /^https?:\/\/[^\s"'\\]+$/;
const USUAL_PROJECT = 'my-project';
const DEMO = 'npm run glassway -- demo';
const LANGUAGES = [...new Set(CLIENTS.map(({ language }) => language))];
const POLL_SECONDS = 2;
const TYPING_MS = 500;

export function Connect({ status, state, change, first }: ConnectProps): VNode {
  const [project, setProject] = useState(state.filters.project[0] ?? USUAL_PROJECT);
  const [address, setAddress] = useState('');
  const proxyUrl = (ADDRESS.test(address) ? address : (status?.proxy_url ?? '')).replace(/\/+$/, '');
  const needsKey = status?.needs_key === true;
  const named = project.trim() || USUAL_PROJECT;
  return html`
    <div class="connect">
      <${Waiting} project=${first ? '' : named} state=${state} change=${change} />
      <h1>${first ? 'Point one client at Glassway' : 'Connect'}</h1>
      <p class="lead">Change the base URL and add one header with the project's name. Keys, models and SDKs stay as they are, and calls pass through untouched.${first ? ' This page becomes your dashboard with the first one.' : ''}</p>
      <div class="connect-fields">
        <label>Project <input class="field" value=${project} spellcheck="false" maxlength="128" onInput=${(event: {
          currentTarget: HTMLInputElement;
        }) => {
          if (PROJECT.test(event.currentTarget.value)) setProject(event.currentTarget.value);
          else event.currentTarget.value = project;
        }} /></label>
        <label>Glassway’s address, as your application sees it <input class="field" type="url" value=${address || (status?.proxy_url ?? '')} spellcheck="false"
          onInput=${(event: { currentTarget: HTMLInputElement }) => setAddress(event.currentTarget.value.trim())} /></label>
      </div>
      ${needsKey && html`<p class="key-note">This Glassway asks callers for a key of their own, in <code>x-glassway-key</code>. Make one with <code>glassway keys</code>, and set it as <code>${KEY_VARIABLE}</code>. The provider's key stays where it is.</p>`}
      <${Snippets} proxyUrl=${proxyUrl} project=${named} needsKey=${needsKey} chosen=${state.client} onChoose=${(client: string) => change({ client }, 'replace')} />
      <section class="card demo">
        <div><h2>No API key at hand?</h2><p class="muted">The demo sends calls of several projects through the real proxy to a built-in mock provider.</p></div>
        <div class="code one-line"><pre tabindex="0">${DEMO}</pre><${CopyButton} text=${DEMO} /></div>
      </section>
    </div>`;
}

interface SnippetsProps {
  readonly proxyUrl: string;
  readonly project: string;
  readonly needsKey: boolean;
  readonly chosen: string;
  readonly onChoose: (client: string) => void;
}

function Snippets({ proxyUrl, project, needsKey, chosen, onChoose }: SnippetsProps): VNode | null {
  const client = CLIENTS.find(({ id }) => id === chosen) ?? CLIENTS[0];
  if (client === undefined) return null;
  const clients = CLIENTS.filter(({ language }) => language === client.language);
  const lines = makeSnippet(client, { proxyUrl, project, needsKey });
  const firstOf = (language: string): string => CLIENTS.find((each) => each.language === language)?.id ?? client.id;
  const arrows = (event: KeyboardEvent): void => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step === 0) return;
    const at = (LANGUAGES.indexOf(client.language) + step + LANGUAGES.length) % LANGUAGES.length;
    onChoose(firstOf(LANGUAGES[at] ?? ''));
    document.getElementById(`tab-${at}`)?.focus();
  };
  return html`
    <section class="card snippet-card" aria-label="Snippets">
      <div class="snippet-bar">
        <div class="tabs" role="tablist" aria-label="Language" onKeyDown=${arrows}>
          ${LANGUAGES.map(
            (
              language,
              index,
            ) => html`<button key=${language} id=${`tab-${index}`} type="button" role="tab" aria-selected=${language === client.language} aria-controls="snippet" tabindex=${language === client.language ? 0 : -1}
              onClick=${() => onChoose(firstOf(language))}>${language}</button>`,
          )}
        </div>
      </div>
      <div class="snippet-clients" role="group" aria-label="Library">
        ${clients.map(({ id, name }) => html`<button key=${id} type="button" class="segment" aria-pressed=${id === client.id} onClick=${() => onChoose(id)}>${name}</button>`)}
      </div>
      <div class="code" id="snippet" role="tabpanel" aria-labelledby=${`tab-${LANGUAGES.indexOf(client.language)}`}>
        <${CopyButton} text=${lines.map((line) => line.text).join('\n')} />
        <pre tabindex="0">${lines.map((line, index) => html`<span key=${index} class=${line.changed ? 'line changed' : 'line'}>${line.text || ' '}</span>`)}</pre>
      </div>
      <footer class="snippet-foot">
        <span class="muted small"><i class="changed-mark" aria-hidden="true"></i>the lines that Glassway needs</span>
        ${client.install !== '' && html`<code class="muted small">${client.install}</code>`}
      </footer>
    </section>`;
}

/** Waits for a call of this project (of any, when none is named) that begins from now on. */
function Waiting({ project, state, change }: { project: string; state: PageState; change: Change }): VNode {
  const [asked, setAsked] = useState(project);
  useEffect(() => {
    const timer = setTimeout(() => setAsked(project), TYPING_MS);
    return () => clearTimeout(timer);
  }, [project]);
  const only = new URLSearchParams({ limit: '1', ...(asked !== '' && { project: asked }) });
  // The server's clock says what "from now on" means, so that a wrong one here hides nothing.
  const [since, setSince] = useState<string | undefined>(undefined);
  const clock = useLoaded<CallsAnswer>(since === undefined ? `api/calls?range=1m&${only}` : null, 0);
  useEffect(() => {
    if (clock.data) setSince((before) => before ?? new Date(Date.parse(clock.data?.to ?? '') - 1).toISOString());
  }, [clock.data]);
  const found = useLoaded<CallsAnswer>(since === undefined ? null : `api/calls?from=${since}&${only}`, POLL_SECONDS);
  const call = found.stale ? undefined : found.data?.calls[0];
  if (call) {
    const opened: PageState = { ...state, view: 'calls', call: call.id, at: call.started_at };
    return html`<div class="waiting arrived" role="status"><i aria-hidden="true"></i>${asked === '' ? 'The first call is here' : `A call of ${asked} is here`}
      <a class="link" href=${formatState(opened)} onClick=${(event: MouseEvent) => plainClick(event, () => change(opened))}>Open it</a></div>`;
  }
  return html`<div class="waiting" role="status"><i aria-hidden="true"></i>${asked === '' ? 'Waiting for your first call' : `Waiting for your first call of ${asked}`}</div>`;
}
