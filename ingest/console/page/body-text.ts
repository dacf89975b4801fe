/**
 * Captured bodies made readable: what was said, by whom, and which tools were called. Takes a body's text as it was stored
 * (JSON, a stream's events in any framing, cut or whole); gives its parts in order. Goes by the shapes that answers have,
 * not by who answers; what has none of them gives no parts, and is shown as it is.
 */

export interface Part {
  readonly kind: 'text' | 'reasoning' | 'tool';
  /** Who speaks in a request; the tool's name. */
  readonly label: string;
  readonly text: string;
}

export interface ReadBody {
  readonly parts: readonly Part[];
  /** How many events the stream has; 0: it is none. */
  readonly events: number;
}

type Fields = Readonly<Record<string, unknown>>;

export function readAnswer(body: string): ReadBody {
  const whole = parse(body);
  if (whole !== undefined && !Array.isArray(whole)) return { parts: answerParts(whole as Fields), events: 0 };
  const events = eventsOf(body, whole);
  const pieces = events.flatMap((event) => answerParts(event));
  return { parts: joined(pieces), events: events.length };
}

export function readRequest(body: string): readonly Part[] {
  const whole = fields(parse(body));
  const system = whole['system'] ?? whole['instructions'] ?? fields(whole['systemInstruction'] ?? whole['system_instruction'])['parts'];
  const turns = [whole['messages'], whole['input'], whole['contents'], whole['prompt'], whole['inputs']].find(
    (value) => value !== undefined,
  );
  return [...turnParts('system', system), ...(Array.isArray(turns) ? turns.flatMap(turn) : turnParts('user', turns))];
}

/** One turn of a conversation: a message, or a tool's call or result that stands among them. */
function turn(value: unknown): Part[] {
  if (typeof value === 'string') return turnParts('user', value);
  const message = fields(value);
  const role = text(message['role']) || text(message['type']) || 'user';
  const calls = [
    ...list(message['tool_calls']).map(fields).map(toolPart),
    ...(message['type'] === 'function_call' ? [toolPart(message)] : []),
  ];
  return [...turnParts(role, message['content'] ?? message['parts'] ?? message['output'] ?? message['text']), ...calls];
}

function turnParts(role: string, content: unknown): Part[] {
  return contentParts(content).map((part) => (part.kind === 'text' ? { ...part, label: role } : part));
}

function contentParts(content: unknown): Part[] {
  if (typeof content === 'string') return content === '' ? [] : [said(content)];
  return list(content).flatMap((item) => (typeof item === 'string' ? [said(item)] : blockPart(fields(item))));
}

const said = (value: string): Part => ({ kind: 'text', label: '', text: value });
const thought = (value: string): Part => ({ kind: 'reasoning', label: '', text: value });

/** A block of content, as messages and answers have them. */
function blockPart(block: Fields): Part[] {
  const type = text(block['type']);
  if (type === 'thinking' || type === 'reasoning')
    return [thought(text(block['thinking']) || contentText(block['summary'] ?? block['content']))];
  if (type === 'tool_use' || type === 'function_call' || 'functionCall' in block || 'toolUse' in block)
    return [toolPart(fields(block['functionCall'] ?? block['toolUse'] ?? block))];
  if (type === 'tool_result' || 'functionResponse' in block || 'toolResult' in block) {
    const result = fields(block['functionResponse'] ?? block['toolResult'] ?? block);
    return [
      {
        kind: 'tool',
        label: `result ${text(result['name']) || text(result['tool_use_id'])}`.trim(),
        text: shown(result['content'] ?? result['response']),
      },
    ];
  }
  if (type === 'message') return contentParts(block['content']);
  const words = text(block['text']);
  if (words !== '') return [block['thought'] === true ? thought(words) : said(words)];
  const media = type || Object.keys(block)[0] || '';
  return media === '' || media === 'text' ? [] : [said(`[${media}]`)];
}

function toolPart(call: Fields): Part {
  const inner = fields(call['function']);
  const source = Object.keys(inner).length > 0 ? inner : call;
  return { kind: 'tool', label: text(source['name']), text: shown(source['arguments'] ?? source['input'] ?? source['args']) };
}

/** What an answer, or one event of a streamed one, adds. */
function answerParts(event: Fields): Part[] {
  for (const read of SHAPES) {
    const parts = read(event);
    if (parts !== undefined) return parts.filter((part) => part.text !== '' || part.label !== '');
  }
  return [];
}

/** The first that recognises an event reads it. Empty labels of tools go on with the tool before. */
const SHAPES: readonly ((event: Fields) => Part[] | undefined)[] = [
  // Chat completions, whole or in chunks.
  (event) =>
    Array.isArray(event['choices'])
      ? event['choices'].map(fields).flatMap((choice) => {
          const message = fields(choice['delta'] ?? choice['message']);
          return [
            thought(text(message['reasoning_content']) || text(message['reasoning'])),
            ...contentParts(message['content'] ?? choice['text']),
            ...list(message['tool_calls']).map(fields).map(toolPart),
          ];
        })
      : undefined,
  // Responses, by the type of the event.
  (event) => {
    const type = text(event['type']);
    if (!type.startsWith('response.')) return undefined;
    if (type === 'response.output_text.delta' || type === 'response.refusal.delta') return [said(text(event['delta']))];
    if (/^response\.reasoning(_summary)?_text\.delta$/.test(type)) return [thought(text(event['delta']))];
    if (type === 'response.function_call_arguments.delta') return [{ kind: 'tool', label: '', text: text(event['delta']) }];
    const item = fields(event['item']);
    return type === 'response.output_item.added' && item['type'] === 'function_call'
      ? [{ kind: 'tool', label: text(item['name']), text: '' }]
      : [];
  },
  (event) => (Array.isArray(event['output']) && typeof event['output'][0] === 'object' ? contentParts(event['output']) : undefined),
  // Messages: blocks that begin and grow.
  (event) => {
    const block = fields(event['content_block']);
    if (event['type'] === 'content_block_start')
      return block['type'] === 'tool_use' ? [{ kind: 'tool', label: text(block['name']), text: '' }] : blockPart(block);
    if (event['type'] !== 'content_block_delta') return undefined;
    const delta = fields(event['delta']);
    return [thought(text(delta['thinking'])), said(text(delta['text'])), { kind: 'tool', label: '', text: text(delta['partial_json']) }];
  },
  (event) =>
    Array.isArray(event['candidates'])
      ? event['candidates'].map(fields).flatMap((candidate) => contentParts(fields(candidate['content'])['parts']))
      : undefined,
  // Converse: blocks that grow, without a type.
  (event) => {
    const delta = fields(event['delta']);
    const tool = fields(fields(event['start'])['toolUse']);
    if (text(tool['name']) !== '') return [{ kind: 'tool', label: text(tool['name']), text: '' }];
    if (typeof delta['text'] === 'string') return [said(delta['text'])];
    if ('reasoningContent' in delta) return [thought(text(fields(delta['reasoningContent'])['text']))];
    if ('toolUse' in delta) return [{ kind: 'tool', label: '', text: text(fields(delta['toolUse'])['input']) }];
    const message = fields(delta['message']);
    return 'content' in message ? contentParts(Array.isArray(message['content']) ? message['content'] : [message['content']]) : undefined;
  },
  (event) => {
    const message = fields(event['message'] ?? fields(event['output'])['message']);
    if (!('content' in message) || event['type'] === 'message_start') return undefined;
    return [
      thought(text(message['thinking'])),
      ...contentParts(message['content']),
      ...list(message['tool_calls']).map(fields).map(toolPart),
    ];
  },
  (event) => (Array.isArray(event['content']) ? contentParts(event['content']) : undefined),
  (event) => (typeof event['response'] === 'string' ? [thought(text(event['thinking'])), said(event['response'])] : undefined),
];

/** Neighbours of a kind are one part; a tool's name begins another. */
function joined(pieces: readonly Part[]): Part[] {
  const parts: Part[] = [];
  for (const piece of pieces) {
    const last = parts.at(-1);
    const goesOn = last !== undefined && last.kind === piece.kind && (piece.kind !== 'tool' || piece.label === '');
    if (goesOn) parts[parts.length - 1] = { ...last, text: last.text + piece.text };
    else if (piece.text !== '' || piece.label !== '') parts.push(piece);
  }
  return parts;
}

/** The events of a stream: server-sent, one object a line, an array, or objects between bytes of a binary framing. */
function eventsOf(body: string, whole: unknown): Fields[] {
  if (Array.isArray(whole)) return whole.map(fields);
  if (/^(?:data|event|id|:)/m.test(body)) {
    const data = body.split(/\r?\n\r?\n/).map((event) => [...event.matchAll(/^data: ?(.*)$/gm)].map((line) => line[1]).join('\n'));
    return data.flatMap((json) => objectOf(json));
  }
  const lines = body.split('\n').flatMap((line) => objectOf(line));
  return lines.length > 0 ? lines : [...embedded(body)];
}

/** Objects that stand whole between other bytes. */
function* embedded(body: string): Generator<Fields> {
  for (let start = body.indexOf('{'); start !== -1; start = body.indexOf('{', start)) {
    const end = endOfObject(body, start);
    if (end === undefined) return;
    const [found] = objectOf(body.slice(start, end));
    start = found === undefined ? start + 1 : end;
    if (found !== undefined) yield found;
  }
}

function endOfObject(body: string, start: number): number | undefined {
  let depth = 0;
  let quoted = false;
  for (let at = start; at < body.length; at++) {
    const character = body[at];
    if (quoted && character === '\\') at++;
    else if (character === '"') quoted = !quoted;
    else if (!quoted && character === '{') depth++;
    else if (!quoted && character === '}' && --depth === 0) return at + 1;
  }
  return undefined;
}

function objectOf(json: string): Fields[] {
  const value = parse(json);
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? [value as Fields] : [];
}

function parse(json: string): unknown {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function contentText(content: unknown): string {
  return contentParts(content)
    .map((part) => part.text)
    .join('');
}

function shown(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === undefined || value === null) return '';
  const words = Array.isArray(value) ? contentText(value) : '';
  return words === '' ? JSON.stringify(value, null, 2) : words;
}

function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
