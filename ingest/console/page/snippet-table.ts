/**
 * The clients that people call models with, each with its first call through Glassway. A table: no code that decides.
 *
 * In a text, `+` opens a line that Glassway adds or changes, `?` one that only a key needs. A line with NAME stands once
 * for each of Glassway's headers, VALUE being the value as this language writes it; URL is Glassway's address.
 */
import type { ValueStyle } from './snippets.ts';

export interface Client {
  /** In the page's address: never renamed. */
  readonly id: string;
  readonly language: string;
  readonly name: string;
  readonly style: ValueStyle;
  /** What to install, where that is not obvious. */
  readonly install: string;
  readonly text: string;
}

const client =
  (language: string, style: ValueStyle, install: (packages: string) => string) =>
  (id: string, name: string, packages: string, text: string): Client => ({
    id,
    language,
    name,
    style,
    install: packages === '' ? '' : install(packages),
    text,
  });

const shell = client('Shell', 'shell', () => '');
const typescript = client('TypeScript', 'js', (packages) => `npm install ${packages}`);
const python = client('Python', 'python', (packages) => `pip install ${packages}`);
const go = client('Go', 'go', (packages) => `go get ${packages}`);
const java = client('Java', 'java', (packages) => packages);
const other = (language: string, style: ValueStyle, install: string) => client(language, style, () => install);
const tool = client('Tools', 'shell', () => '');

export const CLIENTS: readonly Client[] = [
  shell(
    'curl-openai',
    'OpenAI',
    '',
    `+curl URL/openai/v1/chat/completions \\
  -H "authorization: Bearer $OPENAI_API_KEY" \\
  -H "content-type: application/json" \\
+  -H "NAME: VALUE" \\
  -d '{"model":"gpt-5-mini","messages":[{"role":"user","content":"Hello"}]}'`,
  ),
  shell(
    'curl-anthropic',
    'Anthropic',
    '',
    `+curl URL/anthropic/v1/messages \\
  -H "x-api-key: $ANTHROPIC_API_KEY" \\
  -H "anthropic-version: 2023-06-01" \\
  -H "content-type: application/json" \\
+  -H "NAME: VALUE" \\
  -d '{"model":"claude-sonnet-4-5","max_tokens":1024,"messages":[{"role":"user","content":"Hello"}]}'`,
  ),
  shell(
    'curl-gemini',
    'Gemini',
    '',
    `+curl URL/gemini/v1beta/models/gemini-2.5-flash:generateContent \\
  -H "x-goog-api-key: $GEMINI_API_KEY" \\
  -H "content-type: application/json" \\
+  -H "NAME: VALUE" \\
  -d '{"contents":[{"parts":[{"text":"Hello"}]}]}'`,
  ),
  typescript(
    'ts-openai',
    'OpenAI',
    'openai',
    `import OpenAI from 'openai';

const client = new OpenAI({
+  baseURL: 'URL/openai/v1',
+  defaultHeaders: {
+    'NAME': VALUE,
+  },
});
const response = await client.responses.create({ model: 'gpt-5-mini', input: 'Hello' });
console.log(response.output_text);`,
  ),
  typescript(
    'ts-anthropic',
    'Anthropic',
    '@anthropic-ai/sdk',
    `import Anthropic from '@anthropic-ai/sdk';

const client = new Anthropic({
+  baseURL: 'URL/anthropic',
+  defaultHeaders: {
+    'NAME': VALUE,
+  },
});
const message = await client.messages.create({
  model: 'claude-sonnet-4-5',
  max_tokens: 1024,
  messages: [{ role: 'user', content: 'Hello' }],
});
console.log(message.content);`,
  ),
  typescript(
    'ts-gemini',
    'Google Gen AI',
    '@google/genai',
    `import { GoogleGenAI } from '@google/genai';

const client = new GoogleGenAI({
  apiKey: process.env.GEMINI_API_KEY,
  httpOptions: {
+    baseUrl: 'URL/gemini',
+    headers: {
+      'NAME': VALUE,
+    },
  },
});
const response = await client.models.generateContent({ model: 'gemini-2.5-flash', contents: 'Hello' });
console.log(response.text);`,
  ),
  typescript(
    'ts-vercel',
    'Vercel AI SDK',
    'ai @ai-sdk/openai',
    `import { createOpenAI } from '@ai-sdk/openai';
import { generateText } from 'ai';

const openai = createOpenAI({
+  baseURL: 'URL/openai/v1',
+  headers: {
+    'NAME': VALUE,
+  },
});
const { text } = await generateText({ model: openai('gpt-5-mini'), prompt: 'Hello' });
console.log(text);`,
  ),
  typescript(
    'ts-vercel-anthropic',
    'Vercel AI SDK · Anthropic',
    'ai @ai-sdk/anthropic',
    `import { createAnthropic } from '@ai-sdk/anthropic';
import { generateText } from 'ai';

const anthropic = createAnthropic({
+  baseURL: 'URL/anthropic/v1',
+  headers: {
+    'NAME': VALUE,
+  },
});
const { text } = await generateText({ model: anthropic('claude-sonnet-4-5'), prompt: 'Hello' });
console.log(text);`,
  ),
  typescript(
    'ts-langchain',
    'LangChain',
    '@langchain/openai @langchain/core',
    `import { ChatOpenAI } from '@langchain/openai';

const model = new ChatOpenAI({
  model: 'gpt-5-mini',
  configuration: {
+    baseURL: 'URL/openai/v1',
+    defaultHeaders: {
+      'NAME': VALUE,
+    },
  },
});
const answer = await model.invoke('Hello');
console.log(answer.content);`,
  ),
  typescript(
    'ts-mistral',
    'Mistral',
    '@mistralai/mistralai',
    `import { HTTPClient, Mistral } from '@mistralai/mistralai';

+const httpClient = new HTTPClient();
+httpClient.addHook('beforeRequest', (request) => {
+  request.headers.set('NAME', VALUE);
+});
const client = new Mistral({
  apiKey: process.env.MISTRAL_API_KEY,
+  serverURL: 'URL/mistral',
+  httpClient,
});
const answer = await client.chat.complete({
  model: 'mistral-small-latest',
  messages: [{ role: 'user', content: 'Hello' }],
});
console.log(answer.choices[0].message.content);`,
  ),
  typescript(
    'ts-groq',
    'Groq',
    'groq-sdk',
    `import Groq from 'groq-sdk';

const client = new Groq({
+  baseURL: 'URL/groq',
+  defaultHeaders: {
+    'NAME': VALUE,
+  },
});
const answer = await client.chat.completions.create({
  model: 'llama-3.3-70b-versatile',
  messages: [{ role: 'user', content: 'Hello' }],
});
console.log(answer.choices[0].message.content);`,
  ),
  typescript(
    'ts-ollama',
    'Ollama',
    'ollama',
    `import { Ollama } from 'ollama';

const client = new Ollama({
+  host: 'URL/ollama',
+  headers: {
+    'NAME': VALUE,
+  },
});
const answer = await client.chat({ model: 'llama3.2', messages: [{ role: 'user', content: 'Hello' }] });
console.log(answer.message.content);`,
  ),
  python(
    'py-openai',
    'OpenAI',
    'openai',
    `?import os

from openai import OpenAI

client = OpenAI(
+    base_url="URL/openai/v1",
+    default_headers={
+        "NAME": VALUE,
+    },
)
response = client.responses.create(model="gpt-5-mini", input="Hello")
print(response.output_text)`,
  ),
  python(
    'py-anthropic',
    'Anthropic',
    'anthropic',
    `?import os

from anthropic import Anthropic

client = Anthropic(
+    base_url="URL/anthropic",
+    default_headers={
+        "NAME": VALUE,
+    },
)
message = client.messages.create(
    model="claude-sonnet-4-5",
    max_tokens=1024,
    messages=[{"role": "user", "content": "Hello"}],
)
print(message.content)`,
  ),
  python(
    'py-gemini',
    'Google Gen AI',
    'google-genai',
    `?import os

from google import genai
from google.genai import types

client = genai.Client(
    http_options=types.HttpOptions(
+        base_url="URL/gemini",
+        headers={
+            "NAME": VALUE,
+        },
    ),
)
response = client.models.generate_content(model="gemini-2.5-flash", contents="Hello")
print(response.text)`,
  ),
  python(
    'py-langchain',
    'LangChain',
    'langchain-openai',
    `?import os

from langchain_openai import ChatOpenAI

model = ChatOpenAI(
    model="gpt-5-mini",
+    base_url="URL/openai/v1",
+    default_headers={
+        "NAME": VALUE,
+    },
)
print(model.invoke("Hello").content)`,
  ),
  python(
    'py-llamaindex',
    'LlamaIndex',
    'llama-index-llms-openai',
    `?import os

from llama_index.llms.openai import OpenAI

llm = OpenAI(
    model="gpt-4.1-mini",
+    api_base="URL/openai/v1",
+    default_headers={
+        "NAME": VALUE,
+    },
)
print(llm.complete("Hello"))`,
  ),
  python(
    'py-litellm',
    'LiteLLM',
    'litellm',
    `?import os

import litellm

response = litellm.completion(
    model="openai/gpt-5-mini",
    messages=[{"role": "user", "content": "Hello"}],
+    api_base="URL/openai/v1",
+    extra_headers={
+        "NAME": VALUE,
+    },
)
print(response.choices[0].message.content)`,
  ),
  python(
    'py-boto3',
    'AWS Bedrock (boto3)',
    'boto3',
    `import os

import boto3
+from botocore import UNSIGNED
+from botocore.config import Config

client = boto3.client(
    "bedrock-runtime",
    region_name="us-east-1",
+    endpoint_url="URL/bedrock/us-east-1",
+    config=Config(signature_version=UNSIGNED),
)

+# A signature holds for AWS's own host only: a Bedrock API key does not need one.
+def add_headers(request, **_):
+    request.headers["authorization"] = "Bearer " + os.environ["BEDROCK_API_KEY"]
+    request.headers["NAME"] = VALUE
+
+client.meta.events.register("before-send.bedrock-runtime", add_headers)
response = client.converse(
    modelId="us.amazon.nova-lite-v1:0",
    messages=[{"role": "user", "content": [{"text": "Hello"}]}],
)
print(response["output"]["message"]["content"])`,
  ),
  go(
    'go-openai',
    'OpenAI',
    'github.com/openai/openai-go/v3',
    `package main

import (
	"context"
	"fmt"
?	"os"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

func main() {
	client := openai.NewClient(
+		option.WithBaseURL("URL/openai/v1"),
+		option.WithHeader("NAME", VALUE),
	)
	answer, err := client.Chat.Completions.New(context.Background(), openai.ChatCompletionNewParams{
		Model:    "gpt-5-mini",
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Hello")},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(answer.Choices[0].Message.Content)
}`,
  ),
  go(
    'go-anthropic',
    'Anthropic',
    'github.com/anthropics/anthropic-sdk-go',
    `package main

import (
	"context"
	"fmt"
?	"os"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
)

func main() {
	client := anthropic.NewClient(
+		option.WithBaseURL("URL/anthropic"),
+		option.WithHeader("NAME", VALUE),
	)
	message, err := client.Messages.New(context.Background(), anthropic.MessageNewParams{
		Model:     "claude-sonnet-4-5",
		MaxTokens: 1024,
		Messages:  []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("Hello"))},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(message.Content[0].Text)
}`,
  ),
  go(
    'go-gemini',
    'Google Gen AI',
    'google.golang.org/genai',
    `package main

import (
	"context"
	"fmt"
	"net/http"
?	"os"

	"google.golang.org/genai"
)

func main() {
	ctx := context.Background()
	headers := http.Header{}
+	headers.Set("NAME", VALUE)
	client, err := genai.NewClient(ctx, &genai.ClientConfig{
+		HTTPOptions: genai.HTTPOptions{BaseURL: "URL/gemini", Headers: headers},
	})
	if err != nil {
		panic(err)
	}
	answer, err := client.Models.GenerateContent(ctx, "gemini-2.5-flash", genai.Text("Hello"), nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(answer.Text())
}`,
  ),
  java(
    'java-openai',
    'OpenAI',
    'com.openai:openai-java',
    `import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.models.responses.ResponseCreateParams;

OpenAIClient client = OpenAIOkHttpClient.builder()
    .fromEnv()
+    .baseUrl("URL/openai/v1")
+    .putHeader("NAME", VALUE)
    .build();
var response = client.responses().create(
    ResponseCreateParams.builder().model("gpt-5-mini").input("Hello").build());
System.out.println(response.output());`,
  ),
  java(
    'java-anthropic',
    'Anthropic',
    'com.anthropic:anthropic-java',
    `import com.anthropic.client.AnthropicClient;
import com.anthropic.client.okhttp.AnthropicOkHttpClient;
import com.anthropic.models.messages.MessageCreateParams;

AnthropicClient client = AnthropicOkHttpClient.builder()
    .fromEnv()
+    .baseUrl("URL/anthropic")
+    .putHeader("NAME", VALUE)
    .build();
var message = client.messages().create(
    MessageCreateParams.builder()
        .model("claude-sonnet-4-5").maxTokens(1024L).addUserMessage("Hello").build());
System.out.println(message.content());`,
  ),
  java(
    'java-langchain4j',
    'LangChain4j',
    'dev.langchain4j:langchain4j-open-ai',
    `import dev.langchain4j.model.openai.OpenAiChatModel;
+import java.util.HashMap;

+var headers = new HashMap<String, String>();
+headers.put("NAME", VALUE);
var model = OpenAiChatModel.builder()
    .apiKey(System.getenv("OPENAI_API_KEY"))
    .modelName("gpt-5-mini")
+    .baseUrl("URL/openai/v1")
+    .customHeaders(headers)
    .build();
System.out.println(model.chat("Hello"));`,
  ),
  other('C#', 'csharp', 'dotnet add package OpenAI')(
    'csharp-openai',
    'OpenAI',
    'OpenAI',
    `using System.ClientModel;
+using System.ClientModel.Primitives;
using OpenAI;
using OpenAI.Chat;

+var options = new OpenAIClientOptions { Endpoint = new Uri("URL/openai/v1") };
+options.AddPolicy(new GlasswayHeaders(), PipelinePosition.PerCall);
var client = new ChatClient(
    "gpt-5-mini", new ApiKeyCredential(Environment.GetEnvironmentVariable("OPENAI_API_KEY")!), options);
ChatCompletion answer = client.CompleteChat("Hello");
Console.WriteLine(answer.Content[0].Text);

+class GlasswayHeaders : PipelinePolicy
+{
+    static void Add(PipelineMessage message)
+    {
+        message.Request.Headers.Set("NAME", VALUE);
+    }
+    public override void Process(PipelineMessage message, IReadOnlyList<PipelinePolicy> all, int at)
+    {
+        Add(message);
+        ProcessNext(message, all, at);
+    }
+    public override async ValueTask ProcessAsync(PipelineMessage message, IReadOnlyList<PipelinePolicy> all, int at)
+    {
+        Add(message);
+        await ProcessNextAsync(message, all, at);
+    }
+}`,
  ),
  other('Ruby', 'ruby', 'gem install openai')(
    'ruby-openai',
    'OpenAI',
    'openai',
    `require "openai"

+client = OpenAI::Client.new(base_url: "URL/openai/v1")
response = client.responses.create(
  model: "gpt-5-mini",
  input: "Hello",
+  request_options: {
+    extra_headers: {
+      "NAME" => VALUE,
+    },
+  },
)
puts response.output`,
  ),
  other('PHP', 'php', 'composer require openai-php/client guzzlehttp/guzzle')(
    'php-openai',
    'OpenAI',
    'openai-php/client',
    `<?php
require 'vendor/autoload.php';

$client = OpenAI::factory()
    ->withApiKey(getenv('OPENAI_API_KEY'))
+    ->withBaseUri('URL/openai/v1')
+    ->withHttpHeader('NAME', VALUE)
    ->make();
$response = $client->responses()->create(['model' => 'gpt-5-mini', 'input' => 'Hello']);
echo $response->outputText;`,
  ),
  tool(
    'claude-code',
    'Claude Code',
    '',
    `+export ANTHROPIC_BASE_URL="URL/anthropic"
+export ANTHROPIC_CUSTOM_HEADERS="HEADER_LINES"
claude`,
  ),
  client('Tools', 'toml', () => '')(
    'codex',
    'Codex CLI',
    '',
    `# ~/.codex/config.toml
+model_provider = "glassway"
+
+[model_providers.glassway]
+name = "OpenAI through Glassway"
+base_url = "URL/openai/v1"
+env_key = "OPENAI_API_KEY"
+wire_api = "responses"
+
+[model_providers.glassway.http_headers]
+"NAME" = VALUE`,
  ),
  client('Tools', 'shell', () => '')(
    'environment',
    'Any OpenAI SDK, by environment',
    '',
    `# The base URL alone: calls are counted under the project "default".
+export OPENAI_BASE_URL="URL/openai/v1"
+export ANTHROPIC_BASE_URL="URL/anthropic"
+export GOOGLE_GEMINI_BASE_URL="URL/gemini"`,
  ),
];
