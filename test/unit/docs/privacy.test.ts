/** docs/privacy.md is about the columns and classes that there are. */
import { readFileSync } from 'node:fs';
import { CALL_COLUMNS, CAPTURE_MODES } from '../../../contract/columns.ts';
import { REDACT_CLASSES } from '../../../contract/privacy-settings.ts';

const page = readFileSync(new URL('../../../docs/privacy.md', import.meta.url), 'utf8');

/** The names in the first cells of the table under a heading. */
function firstCells(heading: string): string[] {
  const section = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1] as string));
}

test('every column is in the table once, and nothing else is', () => {
  expect(firstCells('What a row of `calls` holds').sort()).toEqual(CALL_COLUMNS.map(({ name }) => name).sort());
});

test('every class of redaction and every mode is described', () => {
  expect(firstCells('What `redacted` takes out').sort()).toEqual([...REDACT_CLASSES].sort());
  for (const mode of CAPTURE_MODES) expect(page).toContain(`| \`${mode}\``);
});
