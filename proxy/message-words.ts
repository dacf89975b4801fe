/**
 * The words of which providers make their error messages: names of parameters and of things in an API, what may be
 * wrong with them, and the small words between. What is not in here may be the caller's, and is not kept in `metadata`
 * (kept-message.ts). Taken from the providers' published lists of errors and from recorded answers.
 */

const SMALL = `
  a about above according after again all allowed already also an and another any are as at available be because been before being
  below between both but by can cannot could did do does doing done due during each either else error errors every exactly example
  failed failure few fewer following for found from get given got had has have here how however if in inside instead into is isn it
  its itself just least less longer made make many may means missing more most must need needed needs neither never next no non none
  nor not nothing now of off on once one only or other others otherwise our out outside over own per please possible same see seen
  several should since so some something still such sure than that the their them then there these they this those though through
  times to together too try two under unless until up upon us use used uses using was we were what when where whether which while who
  why will with within without would yet you your zero doesn don won aren wasn couldn didn shouldn hasn haven again later soon
  s t re ll ve moment minute minutes hour hours day days second seconds milliseconds ms today currently temporarily
`;

const API = `
  access account accounts action active add additional additionalproperties address admin agent agents alias aliases allow alternate
  apikey api app application argument arguments array assistant assistants attachment attachments audio auth authenticate
  authenticated authentication authorization authorized background base64 batch batches bearer billing binary block blocked blocks
  body bool boolean bucket budget bytes byte cache cached call called caller calls canceled cancelled capacity category chain
  character characters chat check choice choices chunk citation citations class client code codes command completion completions
  computer concurrency concurrent config configuration configured connect connection consecutive contact contain contained contains
  content contents context control conversation conversations cost count create created credential credentials credit credits
  current custom data database date decoding default definition delete deleted delta deployed deployment deployments deprecated
  description developer developers device different dimension dimensions disabled doc docs document documentation documents domain
  duplicate duration edit effort embed embedding embeddings empty enable enabled encoded encoding encrypted end ended endpoint
  endpoints engine enough enum event events exceed exceeded exceeds exception execute execution exist exists expected expire expired
  explicit extra extraneous failed feature features fetch field fields file files filter filtered filtering filters find finish first
  flagged float foreign form format formats frequency full function functions general generate generated generating generation
  generator global gpu group guardrail guardrails header headers help hosted html http https id identifier identity ids image
  images implemented inactive include included includes incompatible incomplete incorrect index inference inform information input
  inputs insufficient instance instruction instructions int integer interaction internal interval invalid invocation item items job
  jobs json key keys kind known label language large larger last latest learn length level license limit limited limits line link list
  loaded loading local located location log logprobs long low lower malformed managed match matching max maximum media members
  memory message messages metadata method methods min minimum mismatch mode model models moderation modified modify multimodal multiple
  name named names native negative network new null nullable number numbers object objects operation option optional options order org
  organization organizations original output outputs overload overloaded owner page parallel parameter parameters parent parse parsed
  parsing part parts password patch path payload penalty pending permanently permission permissions permitted place plan policy port positive post
  preceding preflight prefix presence present presented preview previous primary priority problem process processed processing
  profile project projects prompt prompts property properties provide provided provider providers provisioned publisher publishers put quality
  query quota quotas rate read ready reason reasoned reasoning receive received recognized record redirect reduce reduced reference reformat refresh refusal
  refused region regions registered regular reject rejected related release remaining remove removed rename repeated replace replaced reply
  request requested requests require required requires reserved reset resource resources respect respects respond responded response
  responses restricted result results resume retired retries retry return returned returns review right role roles root route router rule
  rules run running runs safe safety sampling scale schema schemas scope score search secret section seed select selected send sent
  separate sequence sequences server servers service services session sessions set setting settings shorter signature similar single size
  slow snapshot source specific specified specify start started state status step steps stop stopped storage store stored stream
  streaming strict string structured style subscription success suffix summary support supported supports system tag target task team
  temperature temporary text thinking third thread threads throttled throttling throughput tier time timed timeout timestamp timezone
  balance payment plans purchase refund invoice title token tokenizer tokens took tool toolconfig tools top total traffic transient trial truncate truncated truncation tune tuned tuning turn turns type
  types unable unauthorized unavailable undefined unexpected unique unit unknown unprocessable unrecognized unsupported unused update updated
  upgrade upload uploaded upstream uri url urls usage user users validate validated validation validator valid value values variable
  vector verify version versions video violate violated violates violation violations vision voice wait waiting warning web window
  words work workspace wrong write yaml zone tts stt png jpeg jpg gif webp pdf mp3 mp4 wav utf ascii unicode
  supplied reached resulted per min rpm tpm tpd rpd redacted loc msg ctx length frequency logit bias encoding dimensions truncation modality modalities verbosity
`;

const NAMES = `
  ai21 alibaba amazon anthropic arn assume aws azure baseten bedrock cerebras claude cloud cloudflare cohere command databricks
  deepinfra deepseek fireworks gcp gemini gemma github google gpt grok groq huggingface hugging face iam kimi lambda litellm llama lm
  studio minimax mistral mixtral moonshot nova nvidia ollama openai openrouter perplexity qwen replicate snowflake sonnet opus haiku
  titan together vertex vllm voyage whisper xai zai zhipu turbo mini nano pro flash lite instruct
`;

const words = (text: string): string[] => text.split(/\s+/).filter(Boolean);

export const MESSAGE_WORDS: ReadonlySet<string> = new Set([...words(SMALL), ...words(API), ...words(NAMES)]);

/** Beside one of these a number counts something: a limit, a length, a time to wait. */
export const COUNTING_WORDS: ReadonlySet<string> = new Set(
  words(`
    token tokens character characters byte bytes kb mb gb request requests message messages image images item items file files tool tools
    limit limited limits maximum max minimum min most least than length count size quota used requested remaining retry after again in second
    seconds ms milliseconds minute minutes hour hours day days per status code http error index line column position dimension
    dimensions batch of input output context window total and between up > < >= <= = ≤ ≥ got
  `),
);
