/** How to send calls through Glassway: snippets to copy, and a wait for the first call. */
import { html, useState, type VNode } from '../vendor/preact.js';
import { CopyButton } from './call-facts.ts';
import { makeSnippets } from './snippets.ts';

interface ConnectProps {
  readonly proxyUrl: string;
  /** No call has come yet. */
  readonly waiting: boolean;
  /** The first one has just come. */
  readonly arrived: boolean;
}

const PROJECT = /^[\x21-\x7e]{0,128}$/;
const DEMO = 'npm run glassway -- demo';

export function Connect({ proxyUrl, waiting, arrived }: ConnectProps): VNode {
  const [project, setProject] = useState('my-project');
  const [chosen, setChosen] = useState(0);
  const snippets = makeSnippets(proxyUrl, project || 'my-project');
  const snippet = snippets[chosen];
  const arrows = (event: KeyboardEvent): void => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step === 0) return;
    const next = (chosen + step + snippets.length) % snippets.length;
    setChosen(next);
    document.getElementById(`tab-${next}`)?.focus();
  };
  return html`
    <div class="connect">
      ${
        waiting
          ? html`<div class=${arrived ? 'waiting arrived' : 'waiting'} role="status"><i aria-hidden="true"></i>${arrived ? 'The first call is here' : 'Waiting for your first call'}</div>
            <h1>Point one client at Glassway</h1>
            <p class="lead">Change the base URL, add one header. Calls pass through untouched; this page becomes your dashboard with the first one.</p>`
          : html`<h1>Connect</h1><p class="lead">Change the base URL and add one header with the project's name. Nothing else changes: keys, models and SDKs stay as they are.</p>`
      }
      <section class="card snippet-card" aria-label="Snippets">
        <div class="snippet-bar">
          <div class="tabs" role="tablist" aria-label="Client" onKeyDown=${arrows}>
            ${snippets.map(
              (
                { name },
                index,
              ) => html`<button key=${name} id=${`tab-${index}`} type="button" role="tab" aria-selected=${index === chosen} aria-controls="snippet" tabindex=${index === chosen ? 0 : -1}
                onClick=${() => setChosen(index)}>${name}</button>`,
            )}
          </div>
        </div>
        <div class="code" id="snippet" role="tabpanel" aria-labelledby=${`tab-${chosen}`}>
          <${CopyButton} text=${snippet?.lines.map((line) => line.text).join('\n') ?? ''} />
          <pre tabindex="0">${snippet?.lines.map((line, index) => html`<span key=${index} class=${line.changed ? 'line changed' : 'line'}>${line.text || ' '}</span>`)}</pre>
        </div>
        <footer class="snippet-foot">
          <label>Project <input class="field" value=${project} spellcheck="false" onInput=${(event: {
            currentTarget: HTMLInputElement;
          }) => {
            if (PROJECT.test(event.currentTarget.value)) setProject(event.currentTarget.value);
            else event.currentTarget.value = project;
          }} /></label>
          <span class="muted small"><i class="changed-mark" aria-hidden="true"></i>the lines that Glassway needs</span>
        </footer>
      </section>
      <section class="card demo">
        <div><h2>No API key at hand?</h2><p class="muted">The demo sends calls of several projects through the real proxy to a built-in mock provider.</p></div>
        <div class="code one-line"><pre tabindex="0">${DEMO}</pre><${CopyButton} text=${DEMO} /></div>
      </section>
    </div>`;
}
