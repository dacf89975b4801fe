/** What was said in one call, if its project captures it: as a conversation, or as it was stored. All of it is text. */
import type { CallRow, CapturedBodies } from '../../../../contract/record.ts';
import { html, useMemo, useState, type VNode } from '../../vendor/preact.js';
import { type Part, readAnswer, readRequest } from '../body-text.ts';
import { Code } from '../call-facts.ts';
import { formatBytes, formatWhole } from '../format.ts';

/** A browser takes long over more; the whole is in table `bodies`. */
const SHOWN_CHARS_MAX = 200_000;
const REDACTED_CUT = '[redacted:cut]';
const CAPTURE_NOTES: Readonly<Record<string, string>> = {
  redacted: 'Personal data and secrets were taken out before anything was stored.',
  full: 'As it was.',
};

export function CallBodies({ call, bodies }: { call: CallRow; bodies: CapturedBodies | null }): VNode {
  if (!bodies)
    return html`<section><h3>Prompt and completion</h3><p class="muted">
      Not stored, or past their retention. Only metadata is kept unless project <b>${call.project}</b> asks for more:
      <code>projects: { ${call.project}: { capture: redacted } }</code></p></section>`;
  return html`<section class="bodies">
    <h3>Prompt and completion <span class="hint">${bodies.capture}</span></h3>
    <p class="muted small">${CAPTURE_NOTES[bodies.capture] ?? ''}</p>
    <${Body} title="Request" text=${bodies.request} wireBytes=${call.request_bytes} redacted=${bodies.capture === 'redacted'} read=${requestOf} />
    <${Body} title="Response" text=${bodies.response} wireBytes=${call.response_bytes} redacted=${bodies.capture === 'redacted'} read=${answerOf} />
  </section>`;
}

interface Readable {
  readonly parts: readonly Part[];
  readonly note: string;
}

function requestOf(text: string): Readable {
  return { parts: readRequest(text), note: '' };
}

function answerOf(text: string): Readable {
  const { parts, events } = readAnswer(text);
  return { parts, note: events > 0 ? `${formatWhole(events)} events of a stream` : '' };
}

interface BodyProps {
  readonly title: string;
  readonly text: string;
  readonly wireBytes: number;
  readonly redacted: boolean;
  readonly read: (text: string) => Readable;
}

function Body({ title, text, wireBytes, redacted, read }: BodyProps): VNode {
  const readable = useMemo(() => read(text), [text]);
  const [raw, setRaw] = useState(readable.parts.length === 0);
  const bytes = useMemo(() => new TextEncoder().encode(text).length, [text]);
  // Redaction shortens a text; what it cut off it says itself.
  const cut = redacted ? text.includes(REDACTED_CUT) : bytes < wireBytes && text !== '';
  const size = cut && !redacted ? `the first ${formatBytes(bytes)} of ${formatBytes(wireBytes)}` : formatBytes(bytes);
  return html`
    <details open>
      <summary>${title} <span class="muted small">${size}${readable.note === '' ? '' : ` · ${readable.note}`}</span></summary>
      ${
        readable.parts.length > 0 &&
        html`<span class="ranges" role="group" aria-label=${`Show the ${title.toLowerCase()}`}>
          <button type="button" class="segment small" aria-pressed=${!raw} onClick=${() => setRaw(false)}>As text</button>
          <button type="button" class="segment small" aria-pressed=${raw} onClick=${() => setRaw(true)}>As stored</button>
        </span>`
      }
      ${text === '' ? html`<p class="muted">Empty.</p>` : raw ? html`<${Stored} text=${text} />` : html`<${Conversation} parts=${readable.parts} />`}
      ${cut && html`<p class="cut-mark">Cut here: more passed than is kept (<code>limits.captureBytes</code>).</p>`}
    </details>`;
}

function Stored({ text }: { text: string }): VNode {
  const long = text.length > SHOWN_CHARS_MAX;
  return html`<${Code} text=${long ? text.slice(0, SHOWN_CHARS_MAX) : text} whole=${text} />
    ${long && html`<p class="cut-mark">Only the first ${formatWhole(SHOWN_CHARS_MAX)} characters are shown; “Copy” takes all ${formatWhole(text.length)}.</p>`}`;
}

function Conversation({ parts }: { parts: readonly Part[] }): VNode {
  return html`<ol class="said">${parts.map(
    (part, index) => html`<li key=${index} class=${`said-${part.kind}`}>
      ${heading(part) !== '' && html`<span class="said-by">${heading(part)}</span>`}
      <p>${part.text.slice(0, SHOWN_CHARS_MAX)}</p>
    </li>`,
  )}</ol>`;
}

function heading(part: Part): string {
  if (part.kind === 'reasoning') return 'Reasoning';
  if (part.kind === 'tool') return part.label.startsWith('result') ? `Tool ${part.label}` : `Tool call ${part.label}`;
  return part.label;
}
