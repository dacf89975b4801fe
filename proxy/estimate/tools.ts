/**
 * The tools that a request offers, as text: models do not read their JSON Schema but a declaration made of it.
 * Gives names, types and descriptions and the tokens of the declaration's own words, after OpenAI's account;
 * says `unseen` for tools that the provider runs itself, whose results the model reads and nobody else sees.
 * https://github.com/openai/openai-cookbook/blob/main/examples/How_to_count_tokens_with_tiktoken.ipynb, §7
 */
import { type Fields, fields, isFields, list, text } from '../providers/values.ts';
import type { FoundTexts } from './texts.ts';

const TOKENS_PER_TOOL = 7;
const TOKENS_PER_PROPERTIES = 3;
const TOKENS_PER_PROPERTY = 3;
const TOKENS_PER_ENUM = -3;
const TOKENS_PER_ENUM_ITEM = 3;
const TOKENS_PER_TOOLS = 12;
const DEPTH_MAX = 16;

export function collectTools(tools: unknown, found: FoundTexts): void {
  const declared = declarations(tools);
  for (const tool of declared) collectTool(tool, found);
  if (declared.length > 0) found.tokens += TOKENS_PER_TOOLS;
}

/** The tools of all dialects' lists: one by one, grouped (Gemini), or under a name of their own (Bedrock). */
function declarations(tools: unknown): Fields[] {
  const entries = isFields(tools) ? list(tools['tools']) : list(tools);
  return entries.flatMap((entry) => {
    const tool = fields(entry);
    const grouped = tool['functionDeclarations'] ?? tool['function_declarations'];
    if (Array.isArray(grouped)) return grouped.map(fields);
    // Bedrock's marks for the prompt cache stand among the tools.
    if (isFields(tool['cachePoint'])) return [];
    const named = tool['function'] ?? tool['toolSpec'];
    return [isFields(named) ? named : tool];
  });
}

function collectTool(tool: Fields, found: FoundTexts): void {
  const schema = fields(tool['parameters'] ?? tool['input_schema'] ?? tool['parametersJsonSchema'] ?? fields(tool['inputSchema'])['json']);
  const type = text(tool['type']);
  // `web_search`, `code_execution_20250825`, `googleSearch: {}`: no function of the caller's.
  if (text(tool['name']) === '' || (type !== '' && type !== 'function' && type !== 'custom')) {
    found.unseen = true;
    return;
  }
  found.tokens += TOKENS_PER_TOOL;
  found.texts.push(`${text(tool['name'])}:${withoutStop(text(tool['description']))}`);
  collectProperties(schema, found, 0);
}

function collectProperties(schema: Fields, found: FoundTexts, depth: number): void {
  const properties = Object.entries(fields(schema['properties']));
  if (properties.length === 0) return;
  if (depth > DEPTH_MAX) {
    found.unseen = true;
    return;
  }
  found.tokens += TOKENS_PER_PROPERTIES;
  for (const [name, value] of properties) {
    const property = fields(value);
    found.tokens += TOKENS_PER_PROPERTY;
    const options = list(property['enum']);
    if (options.length > 0) found.tokens += TOKENS_PER_ENUM;
    for (const option of options) {
      found.tokens += TOKENS_PER_ENUM_ITEM;
      found.texts.push(String(option));
    }
    found.texts.push(`${name}:${text(property['type'])}:${withoutStop(text(property['description']))}`);
    collectProperties(property, found, depth + 1);
    collectProperties(fields(property['items']), found, depth + 1);
  }
}

function withoutStop(description: string): string {
  return description.endsWith('.') ? description.slice(0, -1) : description;
}
