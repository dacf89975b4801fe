/**
 * API keys, tokens and private keys by the shapes in which their issuers make them. A table with its sources; each
 * pattern begins with letters that few texts have and is bounded, so that looking is linear. What has no shape of
 * its own counts after a name that announces it.
 */
import type { Span } from './spans.ts';

interface Shape {
  /** A text without one of these has none; in lower case where the pattern ignores case. */
  readonly hints: readonly string[];
  readonly pattern: RegExp;
}

/** Shapes as their issuers document them; where they don't, as https://github.com/gitleaks/gitleaks and GitHub's list of supported secret scanning patterns name their prefixes. */
const SHAPES: readonly Shape[] = [
  // OpenAI (sk-…, sk-proj-, sk-svcacct-, sk-admin-), Anthropic (sk-ant-…), OpenRouter (sk-or-…), DeepSeek, Moonshot, Mistral's agents.
  { hints: ['sk-'], pattern: /(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{12,}/g },
  { hints: ['sess-'], pattern: /(?<![A-Za-z0-9])sess-[A-Za-z0-9]{24,}/g },
  // Groq, xAI, Hugging Face, Perplexity, Cerebras, NVIDIA, Replicate, Fireworks, Together, Voyage, Databricks.
  {
    hints: ['gsk_', 'xai-', 'hf_', 'pplx-', 'csk-', 'nvapi-', 'r8_', 'fw_', 'tgp_v1_', 'pa-', 'dapi'],
    pattern:
      /(?<![A-Za-z0-9])(?:gsk_|xai-|hf_|pplx-|csk-|nvapi-|r8_|fw_|tgp_v1_)[A-Za-z0-9_-]{16,}|(?<![\w-])(?:pa-[A-Za-z0-9_-]{30,}|dapi[0-9a-f]{32})/g,
  },
  // Google: API keys, OAuth tokens and client secrets. https://cloud.google.com/docs/authentication/api-keys
  { hints: ['AIza'], pattern: /(?<![A-Za-z0-9])AIza[\w-]{30,}/g },
  { hints: ['ya29.', 'GOCSPX-', '1//0'], pattern: /(?<![A-Za-z0-9])(?:ya29\.[\w.-]{16,}|GOCSPX-[\w-]{20,}|1\/\/0[\w-]{30,})/g },
  // AWS: access key ids (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html), Bedrock API keys.
  { hints: ['AKIA', 'ASIA', 'ABIA', 'ACCA'], pattern: /(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?![A-Za-z0-9])/g },
  { hints: ['ABSK', 'bedrock-api-key-'], pattern: /(?<![A-Za-z0-9])(?:ABSK[\w+/=-]{24,}|bedrock-api-key-[\w+/=-]{16,})/g },
  // SigV4: in a header, in a presigned query. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
  { hints: ['Signature=', 'X-Amz-'], pattern: /(?:X-Amz-(?:Signature|Security-Token|Credential)|Signature)=[^\s&"',]{16,}/gi },
  // GitHub, GitLab, Bitbucket, Atlassian.
  {
    hints: ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'github_pat_'],
    pattern: /(?<![A-Za-z0-9])(?:gh[pousr]_|github_pat_)[A-Za-z0-9_]{20,}/g,
  },
  {
    hints: ['glpat-', 'gldt-', 'glrt-', 'ATATT', 'ATBB', 'ATCTT'],
    pattern: /(?<![A-Za-z0-9])(?:gl(?:pat|dt|rt)-[\w-]{20,}|AT(?:ATT|BB|CTT)[\w=-]{20,})/g,
  },
  // Slack: https://api.slack.com/authentication/token-types
  { hints: ['xox', 'xapp-'], pattern: /(?<![A-Za-z0-9])(?:xox[abeoprs]|xapp)-[\w-]{10,}/g },
  { hints: ['hooks.slack.com/'], pattern: /hooks\.slack\.com\/(?:services|workflows|triggers)\/[\w/-]{20,}/g },
  // Stripe: https://docs.stripe.com/keys
  {
    hints: ['_live_', '_test_', 'whsec_'],
    pattern: /(?<![A-Za-z0-9])(?:(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{20,})/g,
  },
  // JSON web tokens (RFC 7519): a JSON object's first two characters in base64url.
  { hints: ['eyJ'], pattern: /(?<![A-Za-z0-9])eyJ[\w-]{14,}(?:\.[\w-]*){0,4}/g },
  // Private keys (RFC 7468); without an end, to the text's end.
  { hints: ['PRIVATE KEY'], pattern: /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z0-9 ]{0,40}-----|$)/g },
  { hints: ['PuTTY-User-Key-File'], pattern: /PuTTY-User-Key-File-\d[\s\S]*/g },
  { hints: ['AGE-SECRET-KEY-'], pattern: /AGE-SECRET-KEY-[0-9A-Z]{40,}/g },
  // Package registries: npm, PyPI, RubyGems, crates.io.
  {
    hints: ['npm_', 'pypi-', 'rubygems_', 'cio'],
    pattern: /(?<![A-Za-z0-9])(?:npm_[A-Za-z0-9]{30,}|pypi-[\w-]{50,}|rubygems_[0-9a-f]{40,}|cio[A-Za-z0-9]{32})(?![A-Za-z0-9])/g,
  },
  // Clouds and platforms: SendGrid, Twilio, DigitalOcean, Shopify, Square, Mailgun, Telegram, Notion, Linear, Airtable, Postman,
  // Vault, Doppler, Grafana, New Relic, Sentry, Supabase, PlanetScale, Pinecone, LangSmith, Langfuse.
  {
    hints: ['SG.', 'SK', 'AC', 'dop_v1_', 'doo_v1_', 'shp', 'sq0', 'EAAA', 'key-', ':AA'],
    pattern:
      /(?<![A-Za-z0-9])(?:SG\.[\w-]{16,}\.[\w-]{16,}|(?:SK|AC)[0-9a-f]{32}|do[op]_v1_[0-9a-f]{40,}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}|sq0[a-z]{3}-[\w-]{22,}|EAAA[\w-]{60,}|key-[0-9a-f]{32}|\d{8,10}:AA[\w-]{33})(?![A-Za-z0-9])/g,
  },
  {
    hints: [
      'secret_',
      'ntn_',
      'lin_api_',
      'pat',
      'PMAK-',
      'hvs.',
      'hvb.',
      'dp.',
      'glsa_',
      'glc_',
      'NRAK-',
      'sntry',
      'sbp_',
      'pscale_',
      'pcsk_',
      'lsv2_',
      'lf-',
    ],
    pattern:
      /(?<![A-Za-z0-9])(?:secret_[A-Za-z0-9]{40,}|ntn_[A-Za-z0-9]{40,}|lin_api_[A-Za-z0-9]{40}|pat[A-Za-z0-9]{14}\.[0-9a-f]{64}|PMAK-[0-9a-f-]{50,}|hv[sb]\.[\w-]{20,}|dp\.(?:pt|st|ct|sa)\.[\w.-]{40,}|glsa_[A-Za-z0-9_]{32,}|glc_[A-Za-z0-9+/=]{32,}|NRAK-[A-Z0-9]{27}|sntry[su]_[\w=+/.-]{32,}|sbp_[0-9a-f]{40}|pscale_(?:tkn|oauth|pw)_[\w.-]{32,}|pcsk_[\w-]{30,}|lsv2_(?:pt|sk)_[0-9a-f_]{32,}|[sp]k-lf-[0-9a-f-]{36})/g,
  },
  // Azure: storage accounts, shared access signatures. https://learn.microsoft.com/azure/storage/common/storage-sas-overview
  {
    hints: ['AccountKey=', 'SharedAccessKey=', 'sig='],
    pattern: /(?:(?:Account|SharedAccess)Key=[\w+/=]{20,}|(?<=[?&;])sig=[\w%+/=-]{20,})/g,
  },
  // Glassway's own keys (contract/keys.ts).
  { hints: ['gwk_', 'gwc_', 'gwm_'], pattern: /gw[kcm]_[0-9a-f]{12}_[A-Za-z0-9_-]+/g },
];

/** HTTP's schemes (RFC 9110 §11, RFC 6750), wherever they are quoted. */
const AUTHORIZATION = /\b(?:bearer|basic|token|apikey)\s{1,4}([\w+/=.~-]{12,})/gi;
/** `https://user:password@host`. */
const USER_INFO = /:\/\/[^\s/:@"'<>]{0,128}:([^\s/@"'<>]{1,256})@/g;
/** A name that announces a secret, and its value: `password = "…"`, `"api_key": "…"`, `SECRET=…`. */
const NAMED =
  /(?:passw(?:or)?d|passphrase|pwd|passwort|secret|token|credentials?|(?:api|access|account|private|auth|signing|subscription)[-_ ]?key)(?:[-_]?id)?["'`]?\s{0,3}(?:[:=]|=>|\bis\b|\bist\b)\s{0,3}["'`]?([^\s"'`,;<>{}()[\]]{6,512})/gi;
/** Names of counts and limits, which end in the same word. */
const NAMED_OTHERWISE = /(?:max|min|num|total|count|input|output|prompt|completion|cached?|reasoning|eos|bos|pad|stop|next|page)[-_ ]?$/i;
const NAME_CHARS_MAX = 16;
const KEY_NAME =
  /^(?:authorization|proxy-authorization|cookie|set-cookie|x-api-key|api-key|x-goog-api-key|(?:.{0,24}[-_ ])?(?:passw(?:or)?d|passphrase|pwd|secret|api[-_ ]?key|access[-_ ]?token|refresh[-_ ]?token|id[-_ ]?token|auth[-_ ]?token|private[-_ ]?key|secret[-_ ]?key|access[-_ ]?key|client[-_ ]?secret)|.{0,24}(?:Password|Secret|ApiKey|AccessToken|RefreshToken|PrivateKey|SecretKey|AccessKey))$/i;
const VALUE_CHARS_MIN = 4;

/** Whether the value under this key is a secret whatever its shape. */
export function isSecretName(key: string, value: string): boolean {
  return value.length >= VALUE_CHARS_MIN && key.length <= 64 && KEY_NAME.test(key);
}

export function findSecrets(text: string): Span[] {
  const spans: Span[] = [];
  for (const { hints, pattern } of SHAPES) {
    if (!hints.some((hint) => text.includes(hint))) continue;
    for (const match of text.matchAll(pattern)) spans.push({ start: match.index, end: match.index + match[0].length, label: 'secret' });
  }
  for (const pattern of [AUTHORIZATION, USER_INFO])
    for (const match of text.matchAll(pattern)) {
      const value = match[1] as string;
      const start = match.index + match[0].indexOf(value, match[0].length - value.length - 1);
      if (pattern === USER_INFO || looksRandom(value)) spans.push({ start, end: start + value.length, label: 'secret' });
    }
  for (const match of text.matchAll(NAMED)) {
    const value = match[1] as string;
    const end = match.index + match[0].length;
    if (looksRandom(value) && !NAMED_OTHERWISE.test(text.slice(Math.max(0, match.index - NAME_CHARS_MAX), match.index)))
      spans.push({ start: end - value.length, end, label: 'secret' });
  }
  return spans;
}

/** Words are no secrets; what has digits or signs among its letters may be. */
function looksRandom(value: string): boolean {
  return (/\d/.test(value) && /\D/.test(value)) || /[a-z][A-Z].*[a-z][A-Z]/.test(value) || /[!@#$%^&*~+=]/.test(value);
}
