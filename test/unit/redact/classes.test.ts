/** What each class of redaction finds, and the look-alikes that it leaves. */
import { REDACT_CLASSES, type RedactClass } from '../../../contract/privacy-settings.ts';
import { createFinder } from '../../../proxy/redact/find.ts';
import { withoutSpans } from '../../../proxy/redact/spans.ts';

const finder = createFinder({ classes: [...REDACT_CLASSES], patterns: [] });
const redacted = (text: string): string => withoutSpans(text, finder.find(text));

/** Split so that no scanner takes this file's examples for keys that somebody lost. */
const joined = (...parts: string[]): string => parts.join('');

const FOUND: Readonly<Record<RedactClass, readonly string[]>> = {
  email: ['john.doe@example.com', 'o’brien@example.co.uk'.slice(2), 'first+tag@sub.example.org', 'üser@exämple.de', 'A_B-C@EXAMPLE.COM'],
  phone: [
    ...['+1 555 234 5678', '+49 (30) 1234567', '+442079460958', '0049 30 1234567', '(555) 234-5678', '555-234-5678', '1-555-234-5678'],
    ...['030 1234567', '01 23 45 67 89', '020 7946 0958', '+33 1 23 45 67 89'],
  ],
  card: [
    ...['4111111111111111', '4111 1111 1111 1111', '4111-1111-1111-1111', '5555555555554444', '2223003122003222', '378282246310005'],
    ...['3782 822463 10005', '6011111111111117', '30569309025904', '3530111333300000', '6200000000000005', '6759649826438453'],
  ],
  iban: [
    'DE89370400440532013000',
    'DE89 3704 0044 0532 0130 00',
    'gb29nwbk60161331926819',
    'FR14 2004 1010 0505 0001 3M02 606',
    'NL91ABNA0417164300',
  ],
  national_id: [
    ...[
      '123-45-6789',
      'SSN: 123456789',
      'AB123456C',
      'AB 12 34 56 C',
      '86095742719',
      '86 095 742 719',
      '255081416802538',
      '1 84 12 2A 451 089 33',
    ],
    ...[
      '12345678Z',
      'X1234567L',
      'RSSMRA85T10A562S',
      'BSN 111222333',
      '111.444.777-35',
      '11144477735',
      '2341 2341 2346',
      'Aadhaar 234123412346',
    ],
    ...[
      '943 476 5919',
      'NHS 9434765919',
      '046 454 286',
      '756.1234.5678.97',
      '85.07.30-033.28',
      '44051401359',
      '131052-308T',
      '811218-9876',
    ],
    ...['11010519491231002X', 'S1234567D', '10000000146', '8001015009087', '123 456 782'],
  ],
  ip: [
    '8.8.8.8',
    '192.168.178.20',
    '2001:db8::1',
    'fe80::1ff:fe23:4567:890a',
    '2001:0db8:85a3:0000:0000:8a2e:0370:7334',
    '::ffff:203.0.113.9',
  ],
  secret: [
    ...[
      joined('sk-', 'proj-abcdefghijkl1234567890'),
      joined('sk-', 'ant-api03-abcdefghijklmnop'),
      joined('AIza', 'SyA1234567890abcdefghijklmnopqrstuv'),
    ],
    ...[
      joined('AKIA', 'IOSFODNN7EXAMPLE'),
      joined('ghp_', '16C7e42F292c6912E7710c838347Ae178B4a'),
      joined('github_pat_', '11ABCDEFG0abcdefghijkl'),
    ],
    ...[joined('xoxb-', '1234567890-abcdefghij'), joined('sk_', 'live_abcdefghijklmnop'), joined('whsec_', 'abcdefghijklmnopqrstuvwx')],
    ...[
      joined('gsk_', 'abcdefghijklmnop1234'),
      joined('xai-', 'abcdefghijklmnop1234'),
      joined('hf_', 'abcdefghijklmnop1234'),
      joined('pplx-', 'abcdefghijklmnop1234'),
    ],
    ...[
      joined('nvapi-', 'abcdefghijklmnop1234'),
      joined('glpat-', 'abcdefghijklmnopqrst'),
      joined('npm_', 'abcdefghijklmnopqrstuvwxyz0123456789'),
    ],
    ...[
      joined('SG.', 'abcdefghijklmnop.abcdefghijklmnop'),
      joined('ABSK', 'QmVkcm9ja0FQSUtleS1hYmNk'),
      joined('ya29.', 'a0AfH6SMBabcdefghijkl'),
    ],
    ...[
      joined('eyJ', 'hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dGVzdHNpZ25hdHVyZQ'),
      joined('-----BEGIN PRIVATE', ' KEY-----\nMIIEvQ==\n-----END PRIVATE KEY-----'),
    ],
  ],
};

/** Nothing in these names anybody. */
const LEFT: readonly string[] = [
  // dates, times, versions, sizes, ids
  ...['2024-11-24', '12:30:45', '2024-11-24T12:30:45.123Z', 'version 1.2.3', '1732435200', '1,234,567', '0.123456', '3.14159265358979'],
  ...[
    '550e8400-e29b-41d4-a716-446655440000',
    'chatcmpl-9xyzABC',
    'msg_01AbCdEf',
    '#123456',
    'page 12 of 345',
    '127.0.0.1',
    '0.0.0.0',
    '::1',
  ],
  // wrong check digits
  ...[
    '4111111111111112',
    '1234567812345678',
    'DE89370400440532013001',
    'ZZ89370400440532013000',
    '86095742718',
    '111.444.777-36',
    '12345678A',
  ],
  ...['RSSMRA85T10A562X', '2341 2341 2347', '000-12-3456', '666-12-3456', 'BG123456C', 'S1234567E'],
  // code
  ...[
    'std::cout',
    'a::b',
    'abc::def',
    '@types/node',
    'user@',
    '@example',
    'claude@20240620',
    'max_tokens: 100000',
    'completion_tokens: 200000',
  ],
  ...[
    'token = getToken()',
    'password field',
    'the secret is kindness',
    'sk-learn',
    'task-abc',
    'const key = values[i]',
    'x-api-key',
    'https://example.com/a?b=c',
  ],
  ...[
    'background-color: #ffffff',
    'content_block_delta_event_type',
    'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    '--------------------------------',
  ],
];

describe.each(REDACT_CLASSES)('class %s', (label) => {
  test.each(FOUND[label])('finds %j, alone and in a sentence', (example) => {
    const word = /^[A-Za-z]{2,8}:? (?=\d)/.exec(example)?.[0] ?? '';
    for (const [before, after] of [
      ['', ''],
      ['It is ', ' and so on.'],
      ['("', '")'],
      ['x=', ';'],
      ['\n', '\n'],
    ] as const) {
      const clean = redacted(`${before}${example}${after}`);
      expect(clean).toContain(`[redacted:`);
      expect(clean).not.toContain(example.slice(word.length));
      if (!example.startsWith('-----')) expect(clean.endsWith(after)).toBe(true);
    }
  });

  test('is left alone when it is not asked for', () => {
    const others = createFinder({ classes: REDACT_CLASSES.filter((each) => each !== label), patterns: [] });
    const example = FOUND[label][0] as string;
    expect(others.find(example).map((span) => span.label)).not.toContain(label);
  });
});

test.each(LEFT)('leaves %j', (text) => {
  expect(redacted(text)).toBe(text);
  expect(redacted(`See ${text} there.`)).toBe(`See ${text} there.`);
});

test('names that announce a secret make one of a value without a shape', () => {
  for (const text of [
    'password: hunter2!',
    '"api_key": "abc123def"',
    'SECRET=s3cr3tv4lue',
    "client_secret='a1b2c3d4'",
    'Authorization: Basic dXNlcjpwYXNzdw==',
    'https://bob:pa55w@host/',
  ])
    expect(redacted(text)).toContain('[redacted:secret]');
  expect(finder.isSecretName('password', 'word')).toBe(true);
  expect(finder.isSecretName('clientSecret', 'word')).toBe(true);
  expect(finder.isSecretName('max_tokens', '1000')).toBe(false);
});

test.each([
  ['JSON', 'john\\u0040example.com'],
  ['JSON in JSON', '{\\"mail\\":\\"john\\\\u0040example.com\\"}'],
  ['a URL', 'john%40example.com'],
  ['HTML', 'john&#64;example.com'],
  ['base64', Buffer.from('john@example.com and more').toString('base64')],
  ['base64url inside a path', `/x/${Buffer.from('to john@example.com, now').toString('base64url')}/y`],
  ['full-width signs', 'ｊｏｈｎ＠ｅｘａｍｐｌｅ．ｃｏｍ'],
  ['invisible signs between', 'john\u200b@\u200bexample.com'],
])('finds an address written for %s', (_way, text) => {
  expect(redacted(text)).toContain('[redacted:email]');
  expect(redacted(text)).not.toMatch(/john|example|am9ob|ｊｏｈｎ/);
});

test('a line break that JSON escapes ends no number and begins none', () => {
  expect(redacted('card:\\n4111 1111 1111 1111\\nthanks')).toBe('card:\\n[redacted:card]\\nthanks');
  expect(redacted('a\\/4111111111111111\\/b')).toBe('a\\/[redacted:card]\\/b');
});

test('files in base64 are not kept', () => {
  const file = Buffer.from(Array.from({ length: 600 }, (_, i) => (i * 7919) % 256)).toString('base64');
  expect(redacted(`data:image/png;base64,${file}`)).toBe('data:image/png;base64,[redacted:binary]');
});

test('patterns of the user are found, under their names, in linear time whatever they are', () => {
  const own = createFinder({
    classes: [],
    patterns: [
      { name: 'employee', pattern: 'EMP-\\d{6}', ignoreCase: true },
      { name: 'evil', pattern: '(a+)+$', ignoreCase: false },
    ],
  });
  const text = `ask emp-123456 about ${'a'.repeat(20_000)}b`;
  expect(withoutSpans(text, own.find(text))).toBe(`ask [redacted:employee] about ${'a'.repeat(20_000)}b`);
});
