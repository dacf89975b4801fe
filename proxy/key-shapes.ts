/**
 * Keys, tokens and private keys by the shapes in which their issuers make them, and by those in which providers echo them in
 * errors: masked, or only their beginning. One table with its sources for redaction (redact/secrets.ts), which looks for whole
 * keys, and for error messages and names (clean-message.ts), of which nothing that begins like a key may stay. Each pattern
 * begins with letters that few texts have, and is bounded or linear.
 */

export interface KeyShape {
  /** A text without one of these has none; in lower case where the pattern ignores case. */
  readonly hints: readonly string[];
  /** A whole key. */
  readonly pattern: RegExp;
  /** How it is echoed, masked (asterisks, dots) or cut short; missing where nobody was seen to. */
  readonly echo?: RegExp;
}

/** A masked echo has asterisks or dots in it. */
function echoOf(prefixes: string): RegExp {
  return new RegExp(`\\b(?:${prefixes})[-_][\\w*•…-]+(?:\\.+[\\w*•…-]+)*`, 'gi');
}

/** Shapes as their issuers document them; where they don't, as https://github.com/gitleaks/gitleaks and GitHub's list of supported secret scanning patterns name their prefixes. */
export const KEY_SHAPES: readonly KeyShape[] = [
  // OpenAI (sk-…, sk-proj-, sk-svcacct-, sk-admin-), Anthropic (sk-ant-…), OpenRouter (sk-or-…), DeepSeek, Moonshot, Mistral's agents.
  { hints: ['sk-'], pattern: /(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{12,}/g, echo: echoOf('sk|pk|rk') },
  { hints: ['sess-'], pattern: /(?<![A-Za-z0-9])sess-[A-Za-z0-9]{24,}/g, echo: echoOf('sess') },
  // Groq, xAI, Hugging Face, Perplexity, Cerebras, NVIDIA, Replicate, Fireworks, Together.
  {
    hints: ['gsk_', 'xai-', 'hf_', 'pplx-', 'csk-', 'nvapi-', 'r8_', 'fw_', 'tgp_v1_'],
    pattern: /(?<![A-Za-z0-9])(?:gsk_|xai-|hf_|pplx-|csk-|nvapi-|r8_|fw_|tgp_v1_)[A-Za-z0-9_-]{16,}/g,
    echo: echoOf('gsk|xai|hf|pplx|csk|nvapi|r8|fw|fpk|tgp'),
  },
  // Voyage, Databricks.
  {
    hints: ['pa-', 'dapi'],
    pattern: /(?<![\w-])(?:pa-[A-Za-z0-9_-]{30,}|dapi[0-9a-f]{32})/g,
    echo: /\bpa-[\w*-]{20,}/g,
  },
  // Google: API keys, OAuth tokens and client secrets. https://cloud.google.com/docs/authentication/api-keys
  { hints: ['AIza'], pattern: /(?<![A-Za-z0-9])AIza[\w-]{30,}/g, echo: /\bAIza[\w*.-]{4,}/g },
  {
    hints: ['ya29.', 'GOCSPX-', '1//0'],
    pattern: /(?<![A-Za-z0-9])(?:ya29\.[\w.-]{16,}|GOCSPX-[\w-]{20,}|1\/\/0[\w-]{30,})/g,
    echo: /\bya29\.[\w.-]+/g,
  },
  // AWS: access key ids (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html), Bedrock API keys.
  {
    hints: ['AKIA', 'ASIA', 'ABIA', 'ACCA'],
    pattern: /(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?![A-Za-z0-9])/g,
    echo: /\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9*]{8,}/g,
  },
  {
    hints: ['ABSK', 'bedrock-api-key-'],
    pattern: /(?<![A-Za-z0-9])(?:ABSK[\w+/=-]{24,}|bedrock-api-key-[\w+/=-]{16,})/g,
    echo: /\b(?:ABSK[\w+/=*-]{16,}|bedrock-api-key-[\w+/=*-]+)/g,
  },
  // SigV4: in a header, in a presigned query. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
  { hints: ['Signature=', 'X-Amz-'], pattern: /(?:X-Amz-(?:Signature|Security-Token|Credential)|Signature)=[^\s&"',]{16,}/gi },
  // GitHub, GitLab, Bitbucket, Atlassian.
  {
    hints: ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'github_pat_'],
    pattern: /(?<![A-Za-z0-9])(?:gh[pousr]_|github_pat_)[A-Za-z0-9_]{20,}/g,
    echo: echoOf('gh[opsur]|github_pat'),
  },
  {
    hints: ['glpat-', 'gldt-', 'glrt-', 'ATATT', 'ATBB', 'ATCTT'],
    pattern: /(?<![A-Za-z0-9])(?:gl(?:pat|dt|rt)-[\w-]{20,}|AT(?:ATT|BB|CTT)[\w=-]{20,})/g,
    echo: echoOf('glpat'),
  },
  // Slack: https://api.slack.com/authentication/token-types
  { hints: ['xox', 'xapp-'], pattern: /(?<![A-Za-z0-9])(?:xox[abeoprs]|xapp)-[\w-]{10,}/g, echo: echoOf('xox[abprs]') },
  { hints: ['hooks.slack.com/'], pattern: /hooks\.slack\.com\/(?:services|workflows|triggers)\/[\w/-]{20,}/g },
  // Stripe: https://docs.stripe.com/keys
  {
    hints: ['_live_', '_test_', 'whsec_'],
    pattern: /(?<![A-Za-z0-9])(?:(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{20,})/g,
  },
  // JSON web tokens (RFC 7519): a JSON object's first two characters in base64url.
  { hints: ['eyJ'], pattern: /(?<![A-Za-z0-9])eyJ[\w-]{14,}(?:\.[\w-]*){0,4}/g, echo: /\beyJ[\w-]{8,}(?:\.[\w-]+)*/g },
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

/** All hints in one pattern: a text that has none of them, as nearly all, is told in a tenth of the time. */
export const KEY_HINT = new RegExp(
  KEY_SHAPES.flatMap(({ hints }) => hints.map((hint) => hint.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&'))).join('|'),
);
